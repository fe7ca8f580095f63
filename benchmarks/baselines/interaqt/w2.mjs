// W2: the chain without a vendor, `--at-a-time` of them together.
import { WARM_UP, chain, declarations, expectChains, indexed } from './chain.mjs'
import { atATime, options, report, storeOf, withSystem } from './system.mjs'

const given = options(['size', 'at-a-time'])
const size = Number(given.size), limit = Number(given['at-a-time'])

await withSystem({ store: storeOf(given, limit), declarations, indexed }, async (controller, storage) => {
  await atATime(limit, WARM_UP, () => chain(controller, (charge) => `pi_${charge.id}`))
  const begun = performance.now()
  await atATime(limit, size, () => chain(controller, (charge) => `pi_${charge.id}`))
  const seconds = (performance.now() - begun) / 1000
  await expectChains(storage, WARM_UP + size)
  report(size, seconds)
})
