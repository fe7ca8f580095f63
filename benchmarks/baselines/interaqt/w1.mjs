// W1: items created, updated and deleted, each step in its own transaction, with eight aggregates above them;
// `--at-a-time` of them together, each under an order and a customer of its own.
import { Any, Average, Count, Dictionary, Entity, Every, MatchExp, Property, Relation, Summation } from 'interaqt'
import { atATime, expect, options, report, storeOf, withSystem } from './system.mjs'

const PRESENT = 10, WARM_UP = 50, PRICE_CENTS = 1250, NEW_PRICE_CENTS = 1700

const property = (name, type, computation) => Property.create({ name, type, computation })

const Customer = Entity.create({
  name: 'Customer',
  properties: [
    property('name', 'string'),
    property('orderCount', 'number', Count.create({ property: 'orders' })),
    property('ordersTotal', 'number', Summation.create({ property: 'orders', attributeQuery: ['itemTotal'] })),
  ],
})
const done = { property: 'items', attributeQuery: ['done'], callback: (item) => !!item.done }
const Order = Entity.create({
  name: 'Order',
  properties: [
    property('number', 'number'),
    property('itemCount', 'number', Count.create({ property: 'items' })),
    property('itemTotal', 'number', Summation.create({ property: 'items', attributeQuery: ['priceCents'] })),
    property('itemAverage', 'number', Average.create({ property: 'items', attributeQuery: ['priceCents'] })),
    property('allDone', 'boolean', Every.create(done)),
    property('anyDone', 'boolean', Any.create(done)),
  ],
})
const Item = Entity.create({ name: 'Item', properties: [property('priceCents', 'number'), property('done', 'boolean')] })
const relations = [
  Relation.create({ source: Order, sourceProperty: 'customer', target: Customer, targetProperty: 'orders', type: 'n:1' }),
  Relation.create({ source: Item, sourceProperty: 'order', target: Order, targetProperty: 'items', type: 'n:1' }),
]
const revenue = Dictionary.create({
  name: 'revenue', type: 'number', collection: false,
  computation: Summation.create({ record: Order, attributeQuery: ['itemTotal'] }),
})

const given = options(['size', 'at-a-time'])
const size = Number(given.size), limit = Number(given['at-a-time'])
const byId = (record) => MatchExp.atom({ key: 'id', value: ['=', record.id] })
const declarations = { entities: [Customer, Order, Item], relations, dict: [revenue], eventSources: [] }

await withSystem({ store: storeOf(given, limit), declarations }, async (controller, storage) => {
  const owned = []
  for (let number = 0; number < limit; number++) {
    const customer = await storage.create('Customer', { name: 'Ada' })
    owned.push({ customer, order: await storage.create('Order', { number, customer: { id: customer.id } }) })
  }
  const create = ({ order }) => storage.create('Item', { priceCents: PRICE_CENTS, done: false, order: { id: order.id } })
  const update = (item) => storage.update('Item', byId(item), { priceCents: NEW_PRICE_CENTS, done: true })
  for (const one of owned) for (let i = 0; i < PRESENT; i++) await create(one)

  const cycle = async (number) => {
    const item = await create(owned[number])
    await update(item)
    await storage.delete('Item', byId(item))
  }
  await atATime(limit, WARM_UP, cycle)
  const begun = performance.now()
  await atATime(limit, size, cycle)
  const seconds = (performance.now() - begun) / 1000

  for (const one of owned) await update(await create(one))
  const items = PRESENT + 1, total = PRESENT * PRICE_CENTS + NEW_PRICE_CENTS
  for (const { customer, order } of owned) {
    const kept = await storage.findOne('Order', byId(order), undefined, ['*'])
    expect('itemCount', kept.itemCount, items)
    expect('itemTotal', kept.itemTotal, total)
    expect('itemAverage', kept.itemAverage, total / items)
    expect('allDone', !!kept.allDone, false)
    expect('anyDone', !!kept.anyDone, true)
    const owner = await storage.findOne('Customer', byId(customer), undefined, ['*'])
    expect('orderCount', owner.orderCount, 1)
    expect('ordersTotal', owner.ordersTotal, total)
  }
  expect('revenue', await storage.dict.get('revenue'), limit * total)
  report(3 * size, seconds)
})
