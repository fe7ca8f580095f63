// A fresh system on a SQLite file: WAL, the given durability, an index where the workload looks records up, no logger.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Controller, KlassByName, MonoSystem } from 'interaqt'
import { SQLiteDB } from 'interaqt/drivers'

const silent = { info() {}, error() {}, child() { return silent } }

export async function withSystem({ synchronous, declarations, indexed = [] }, work) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const db = new SQLiteDB(join(folder, 'bench.db'), { logger: silent })
  try {
    await db.open()
    db.db.pragma('journal_mode = WAL')
    db.db.pragma(`synchronous = ${synchronous}`)
    const system = new MonoSystem(db, silent)
    system.conceptClass = KlassByName
    const controller = new Controller({ system, forceThrowDispatchError: true, ...declarations })
    await controller.setup(true)
    for (const [record, attribute] of indexed) createIndex(db, system, record, attribute)
    requirePragmas(db, synchronous)
    return await work(controller, system.storage, db)
  } finally {
    await db.close()
    rmSync(folder, { recursive: true })
  }
}

function createIndex(db, system, record, attribute) {
  const { table, attributes } = system.storage.map.records[record]
  db.db.exec(`CREATE INDEX "bench_${record}_${attribute}" ON "${table}" ("${attributes[attribute].field}")`)
}

function requirePragmas(db, synchronous) {
  const levels = { NORMAL: 1, FULL: 2 }
  expect('journal_mode', db.db.pragma('journal_mode', { simple: true }), 'wal')
  expect('synchronous', db.db.pragma('synchronous', { simple: true }), levels[synchronous])
}

export function expect(what, found, expected) {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${what} is ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`)
  }
}

export function options(names) {
  const given = Object.fromEntries(process.argv.slice(2).map((argument) => argument.replace(/^--/, '').split(/=(.*)/s, 2)))
  for (const name of names) if (!(name in given)) throw new Error(`--${name}=... is missing`)
  return given
}

export function report(operations, seconds) {
  console.log(JSON.stringify({ operations, seconds, per_second: operations / seconds }))
}
