// The chain of W2 and W3: a placed order asks for a charge, integration events drive the charge, the charge pays the order.
import { Count, Entity, EventSource, MatchExp, Property, Relation, StateMachine, StateNode, StateTransfer, Transform } from 'interaqt'
import { expect } from './system.mjs'

const property = (name, type, computation) => Property.create({ name, type, computation })

const OrderPlaced = Entity.create({
  name: 'OrderPlaced', properties: [property('email', 'string'), property('totalCents', 'number')],
})
const ChargeEvent = Entity.create({
  name: 'ChargeEvent',
  properties: [
    property('kind', 'string'), property('entityId', 'id'), property('externalId', 'string'), property('result', 'object'),
  ],
})

async function chargeOf({ record: { entityId, externalId } }) {
  if (entityId) return { id: entityId }
  return this.system.storage.findOne('Charge', MatchExp.atom({ key: 'externalId', value: ['=', externalId] }), undefined, ['id'])
}
function onChargeEvent(kind, current, next) {
  const trigger = { recordName: 'ChargeEvent', type: 'create', record: { kind } }
  return StateTransfer.create({ trigger, current, next, computeTarget: chargeOf })
}
function status() {
  const [pending, processing, completed] = ['pending', 'processing', 'completed'].map((name) => StateNode.create({ name }))
  return StateMachine.create({
    states: [pending, processing, completed],
    initialState: pending,
    transfers: [onChargeEvent('processing', pending, processing), onChargeEvent('completed', processing, completed)],
  })
}
function valueFrom(kind, attribute) {
  const unknown = StateNode.create({ name: 'unknown', computeValue: () => null })
  const known = StateNode.create({ name: 'known', computeValue: (last, event) => event.record[attribute] })
  return StateMachine.create({
    states: [unknown, known], initialState: unknown, transfers: [onChargeEvent(kind, unknown, known)],
  })
}

const Charge = Entity.create({
  name: 'Charge',
  properties: [
    property('request', 'object'),
    property('status', 'string', status()),
    property('externalId', 'string', valueFrom('initialized', 'externalId')),
    property('result', 'object', valueFrom('completed', 'result')),
  ],
  computation: Transform.create({
    eventDeps: { ordered: { recordName: 'Order', type: 'create' } },
    callback: ({ record }) => ({
      order: { id: record.id },
      request: { amount_cents: record.totalCents, currency: 'eur', receipt_email: record.email },
    }),
  }),
})

const placed = StateNode.create({ name: 'placed' }), paid = StateNode.create({ name: 'paid' })
const Order = Entity.create({
  name: 'Order',
  properties: [
    property('email', 'string'),
    property('totalCents', 'number'),
    property('attempts', 'number', Count.create({ property: 'charges' })),
    property('status', 'string', StateMachine.create({
      states: [placed, paid],
      initialState: placed,
      transfers: [StateTransfer.create({
        current: placed,
        next: paid,
        trigger: { recordName: 'Charge', type: 'update', keys: ['status'], record: { status: 'completed' } },
        async computeTarget({ record, oldRecord }) {
          const byId = MatchExp.atom({ key: 'id', value: ['=', record.id ?? oldRecord.id] })
          const charge = await this.system.storage.findOne('Charge', byId, undefined, [['order', { attributeQuery: ['id'] }]])
          return { id: charge.order.id }
        },
      })],
    })),
  ],
  computation: Transform.create({
    eventDeps: { placed: { recordName: 'OrderPlaced', type: 'create' } },
    callback: ({ record }) => ({ email: record.email, totalCents: record.totalCents }),
  }),
})
const OrderCharges = Relation.create({
  source: Charge, sourceProperty: 'order', target: Order, targetProperty: 'charges', type: 'n:1',
})

const source = (name, entity) => EventSource.create({
  name, entity, admit: async () => {}, mapEventData: (fields) => fields,
})
const place = source('place', OrderPlaced), ingest = source('ingest', ChargeEvent)

export const declarations = { entities: [Order, Charge], relations: [OrderCharges], dict: [], eventSources: [place, ingest] }
export const indexed = [['Charge', 'externalId']]

// Chains before the clock starts, so that node has compiled what it will.
export const WARM_UP = 48

// Runs one chain; `carryOut` stands for the vendor and answers with an external id.
export async function chain(controller, carryOut) {
  const { effects } = await controller.dispatch(place, { email: 'ada@example.org', totalCents: 1250 })
  const charge = effects.find(({ recordName, type }) => recordName === 'Charge' && type === 'create').record
  const externalId = await carryOut(charge)
  await controller.dispatch(ingest, { kind: 'initialized', entityId: charge.id, externalId })
  await controller.dispatch(ingest, { kind: 'processing', externalId })
  await controller.dispatch(ingest, { kind: 'completed', externalId, result: { url: 'https://pay.example.org/receipts/1' } })
}

export async function expectChains(storage, chains) {
  const count = async (record, status) =>
    (await storage.find(record, MatchExp.atom({ key: 'status', value: ['=', status] }), undefined, ['id'])).length
  expect('paid orders', await count('Order', 'paid'), chains)
  expect('completed charges', await count('Charge', 'completed'), chains)
  const [charge] = await storage.find('Charge', undefined, { limit: 1 }, ['result', 'externalId'])
  expect('result', charge.result.url, 'https://pay.example.org/receipts/1')
  expect('events', (await storage.find('ChargeEvent', undefined, undefined, ['id'])).length, 3 * chains)
  const counted = await storage.find('Order', MatchExp.atom({ key: 'attempts', value: ['=', 1] }), undefined, ['id'])
  expect('orders with one attempt', counted.length, chains)
}
