// W2: the chain without a vendor, `--at-a-time` of them together.
import { atATime, WARM_UP, chain, declarations, expectChains, indexed } from './chain.mjs'
import { options, report, withSystem } from './system.mjs'

const { size, synchronous, 'at-a-time': limit } = options(['size', 'synchronous', 'at-a-time'])

await withSystem({ synchronous, declarations, indexed }, async (controller, storage) => {
  await atATime(Number(limit), WARM_UP, () => chain(controller, (charge) => `pi_${charge.id}`))
  const begun = performance.now()
  await atATime(Number(limit), Number(size), () => chain(controller, (charge) => `pi_${charge.id}`))
  const seconds = (performance.now() - begun) / 1000
  await expectChains(storage, WARM_UP + Number(size))
  report(Number(size), seconds)
})
