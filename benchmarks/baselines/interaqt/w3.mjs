// W3: the chain with real HTTP to the sandbox at `--url`.
import { WARM_UP, chain, declarations, expectChains, indexed } from './chain.mjs'
import { atATime, options, report, storeOf, withSystem } from './system.mjs'

const given = options(['size', 'url', 'at-a-time'])
const size = Number(given.size), limit = Number(given['at-a-time'])

async function carryOut(charge) {
  const answer = await fetch(given.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': `order-${charge.id}` },
    body: JSON.stringify(charge.request),
  })
  if (!answer.ok) throw new Error(`the sandbox answered ${answer.status}`)
  return (await answer.json()).id
}

await withSystem({ store: storeOf(given, limit), declarations, indexed }, async (controller, storage) => {
  await atATime(limit, WARM_UP, () => chain(controller, carryOut))
  const begun = performance.now()
  await atATime(limit, size, () => chain(controller, carryOut))
  const seconds = (performance.now() - begun) / 1000
  await expectChains(storage, WARM_UP + size)
  report(size, seconds)
})
