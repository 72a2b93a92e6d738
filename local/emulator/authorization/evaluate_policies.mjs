// Evaluates IAM requests: one simulation as JSON per line on standard input, its answer per line on standard output.
import { createInterface } from 'node:readline'
import { getDenialReasons, runSimulation } from '@cloud-copilot/iam-simulate'

const analyses = (response) =>
  response.resultType === 'wildcard' ? response.results : response.result ? [response.result] : []

async function answer(simulation) {
  const response = await runSimulation(simulation, {})
  if (response.resultType === 'error') return { result: 'Error', errors: response.errors, ignored: [], denials: [] }
  const results = analyses(response)
  return {
    result: response.overallResult,
    errors: null,
    ignored: results.flatMap((each) => each.ignoredContextKeys ?? []),
    denials: results.flatMap((each) => getDenialReasons(each.analysis))
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + '\n')
}
