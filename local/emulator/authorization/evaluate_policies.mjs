// Evaluates IAM requests: one simulation as JSON per line on standard input, its answer per line on standard output.
import { registerHooks } from 'node:module'
import { createInterface } from 'node:readline'

// Of which types a resource is, the evaluator finds anew for each request: a third of the time.
const resourceTypes = new URL('resource_types.mjs', import.meta.url).href
registerHooks({
  resolve(specifier, context, resolve) {
    const isUsed = specifier === '@cloud-copilot/iam-utils' && context.parentURL !== resourceTypes
    return isUsed ? { url: resourceTypes, shortCircuit: true } : resolve(specifier, context)
  }
})
const { getDenialReasons, runSimulation } = await import('@cloud-copilot/iam-simulate')

// The evaluator compares names character by character, and with options each comparison looks a
// collator up: half of all the time. What it would have found is kept.
const collators = new Map()
const compareAnew = String.prototype.localeCompare
String.prototype.localeCompare = function (other, locales, options) {
  const text = String(this)
  if (text === other) return 0
  if (locales !== undefined) return compareAnew.call(text, other, locales, options)
  const kind = JSON.stringify(options)
  if (!collators.has(kind)) collators.set(kind, new Intl.Collator(undefined, options))
  return collators.get(kind).compare(text, other)
}

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
