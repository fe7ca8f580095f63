// W3: the chain with real HTTP to the sandbox at `--url`.
import { atATime, WARM_UP, chain, declarations, expectChains, indexed } from './chain.mjs'
import { options, report, withSystem } from './system.mjs'

const { size, url, 'at-a-time': limit } = options(['size', 'url', 'at-a-time'])

async function carryOut(charge) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': `order-${charge.id}` },
    body: JSON.stringify(charge.request),
  })
  if (!answer.ok) throw new Error(`the sandbox answered ${answer.status}`)
  return (await answer.json()).id
}

await withSystem({ synchronous: 'FULL', declarations, indexed }, async (controller, storage) => {
  await atATime(Number(limit), WARM_UP, () => chain(controller, carryOut))
  const begun = performance.now()
  await atATime(Number(limit), Number(size), () => chain(controller, carryOut))
  const seconds = (performance.now() - begun) / 1000
  await expectChains(storage, WARM_UP + Number(size))
  report(Number(size), seconds)
})
