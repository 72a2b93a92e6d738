// What the evaluator imports as @cloud-copilot/iam-utils: the same, and it remembers of which types a resource is.
import { mostSpecificMatchingResourceTypePatterns as match } from '@cloud-copilot/iam-utils'
export * from '@cloud-copilot/iam-utils'

const MOST_KEPT = 20_000
const kept = new Map()

export function mostSpecificMatchingResourceTypePatterns(resource, patterns) {
  const key = [resource, ...patterns].join('\n')
  let found = kept.get(key)
  if (found === undefined) {
    if (kept.size >= MOST_KEPT) kept.clear()
    kept.set(key, (found = match(resource, patterns)))
  }
  return found
}
