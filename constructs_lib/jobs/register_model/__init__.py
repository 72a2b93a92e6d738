"""Stages a packaged model in a region, and registers it in the SageMaker Model Registry there.

The Lambda function behind the Stage and Registration steps of every region. It runs in the
pipeline's own region, outside the VPC, and needs nothing but the standard library and boto3. The
event is the step's arguments: ``action`` says which of the two, :class:`Staging` or
:class:`Registration` has the other members.

``stage``
    1. Does nothing when verification is enforced and the model has failed it.
    2. Claims the content (the digest of ``model.tar.gz``) for its execution, and looks for a model
       package of it in the region's group. While another execution that runs has claimed it, waits
       for that one to register it or to end.
    3. Compares what the jobs have written with what the pipeline knows of it, and writes it to the
       region's bucket, under the region's key: artifact, manifest, ``evaluation.json``, sample
       payload and ``registration.json``. Nothing there is ever written over.

``register``
    Fills the slots of the region's CreateModelPackage arguments and registers, unless a model
    package of the same content is there, and only while the claim is its execution's. Then it
    tells SageMaker's lineage what the version was made of.

What proves an artifact is compared by S3 while it completes the copy, so one that is not proven
never appears: up to 5 GiB the SHA-256, above the CRC-32 of the whole. Up to 16 GiB, the object is
read here, too, and its SHA-256 compared: that long a Lambda step has.

Claims are objects beside the releases, numbered, each naming an execution: see ``claims``. Records
say where a content is registered: see ``records``. So two executions of the same content register
it once, and one that has lost its claim never does.

Each part may be repeated: what is in place is not written again, and what is registered is found.
So starting the pipeline again with the same parameters completes what a failure left undone. A
failure names the region, the work and the cause; SageMaker shows it as the step's failure reason.
"""

from .errors import RegistrationError
from .events import Registration, Staging
from .handler import handler

__all__ = ["Registration", "RegistrationError", "Staging", "handler"]
