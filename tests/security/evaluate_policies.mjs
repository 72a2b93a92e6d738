// Evaluates IAM requests: an array of simulations as JSON on standard input, their results on standard output.
import { runSimulation } from '@cloud-copilot/iam-simulate'

let text = ''
for await (const chunk of process.stdin) text += chunk
const results = []
for (const simulation of JSON.parse(text)) {
  const response = await runSimulation(simulation, {})
  results.push({
    result: response.resultType === 'error' ? 'Error' : response.overallResult,
    errors: response.errors ?? null,
    ignored: response.result?.ignoredContextKeys ?? []
  })
}
process.stdout.write(JSON.stringify(results))
