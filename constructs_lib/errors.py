"""The errors that bad input can cause, each beside the feature that raises it.

    ReleaseError
    ├── MoveRefusedError             commands.author.move
    ├── NewPipelineError             commands.author.new
    ├── RequestFileError             commands.aws.endpoints
    ├── WrongStatusError             commands.aws.executions
    ├── OtherCodeDeployedError       commands.local.deployed
    ├── PortError                    commands.local.embedded
    ├── TorchError                   commands.local.torch
    ├── FolderGoneError              commands.program
    ├── NothingAnsweredError         commands.serving.replayed
    ├── NotApprovedError             commands.serving.versions
    ├── NoAnswerError                commands.terminal.asking
    ├── AwsCallError                 commands.terminal.aws
    ├── UnknownNameError             commands.terminal.aws
    ├── EmulatorKeyError             commands.terminal.emulator_key
    ├── MissingParameterError        commands.terminal.options
    ├── OutputError                  commands.terminal.places
    ├── CompilationError             constructs_lib.compilation.parent
    ├── UnknownParameterError        constructs_lib.compiled_pipeline
    ├── PipelinesFolderError         constructs_lib.configs.folder
    ├── ConfigFileError              constructs_lib.configs.problems
    ├── DeployTimeVariableError      constructs_lib.definition
    ├── NoEndpointError              constructs_lib.deployment.settings
    ├── SourceError                  constructs_lib.diff.sources
    ├── NotServedError               constructs_lib.endpoints.workflow
    ├── EarlierInterfaceError        constructs_lib.errors
    ├── GitError                     constructs_lib.git
    ├── GraphError                   constructs_lib.graph.dag
    ├── SharedEndpointError          constructs_lib.infrastructure.serving.names
    ├── WorkflowNameError            constructs_lib.infrastructure.serving.names
    ├── RefusedAppError              constructs_lib.infrastructure.template_findings
    ├── TriggerError                 constructs_lib.infrastructure.triggers
    ├── DefinitionTooLargeError      constructs_lib.pipeline
    ├── UnknownVariableError         constructs_lib.pipeline
    ├── ModelPathError               constructs_lib.pipeline_builder
    ├── ExecutionDocumentError       constructs_lib.registration.execution_document
    │   ├── DocumentStructureError   constructs_lib.registration.execution_document
    │   ├── NoStepConfigsError       constructs_lib.registration.execution_document
    │   ├── UnresolvedVariableError  constructs_lib.registration.execution_document
    │   └── NothingMeasuredError     constructs_lib.registration.measured_numbers
    ├── LoadTestRequestError         constructs_lib.registration.load_test_request
    ├── RegistrationRequestError     constructs_lib.registration.request
    ├── ArchiveError                 constructs_lib.release.archives
    ├── InferenceCodeError           constructs_lib.release.code_check
    ├── ArchiveDoctorError           constructs_lib.release.doctor
    ├── MissingSourceError           constructs_lib.release.files
    ├── ModelArtifactError           constructs_lib.release.incoming
    ├── MoveError                    constructs_lib.release.moving.config_change
    ├── OwnScriptError               constructs_lib.release.own_script
    ├── PackagingError               constructs_lib.release.packager
    ├── BuildDateError               constructs_lib.release.patches
    ├── UnpatchedContainersError     constructs_lib.release.patches
    ├── SampleRequestError           constructs_lib.release.samples.errors
    ├── ReplayRequestsError          constructs_lib.replay.requests
    ├── ReplayedVersionError         constructs_lib.replay.version
    ├── ImageError                   constructs_lib.serving.images
    │   ├── ImageNotFoundError       constructs_lib.serving.images
    │   └── InstanceTypeImageError   constructs_lib.serving.images
    ├── SettingsError                constructs_lib.settings
    ├── VerificationInstanceError    constructs_lib.steps.verification
    ├── VerificationPythonError      constructs_lib.steps.verification
    ├── BootstrapError               local.bootstrapping
    ├── CdkError                     local.cdk
    ├── NoExampleError               local.demo
    ├── StackOutputError             local.deployment
    ├── SynthesisError               local.deployment
    ├── EmulatorError                local.emulator.embedded
    ├── NotRunningError              local.release
    ├── DeploymentRecordError        local.report.deployments.page
    ├── ReplayRecordError            local.report.replays.page
    ├── NotShownError                local.rollback.demo
    ├── CallDeniedError              local.runner.language.errors
    ├── DefinitionError              local.runner.language.errors
    │   └── UnsupportedStepError     local.runner.language.errors
    ├── EmulatedAwsError             local.runner.language.errors
    │   └── EmulatedAwsGoneError     local.runner.language.errors
    ├── ExecutionRecordError         local.runner.language.errors
    ├── NotRetriedError              local.runner.language.errors
    ├── ParameterError               local.runner.language.errors
    ├── PipelineNotFoundError        local.runner.language.errors
    ├── ReferenceResolutionError     local.runner.language.errors
    ├── RoleNotAssumedError          local.runner.language.errors
    ├── NotServingError              local.serving
    ├── SubnetRangesError            stacks.network
    └── UnknownPrefixListError       stacks.network

``python -m docs.error_tree`` writes this tree. The command line prints a ``ReleaseError`` as it is
and exits non-zero; anything else is a defect of this project and keeps its traceback.
"""


class ReleaseError(Exception):
    """Bad input: the message says what, the value got, what is allowed and the likely fix."""


class EarlierInterfaceError(ReleaseError, TypeError):
    """A call of the earlier system's Python interface that is another one here; names it."""
