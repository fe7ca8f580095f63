// A fresh system on a SQLite file or on an empty PostgreSQL database: full speed at the given durability, an index
// where the workload looks records up, no logger.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Controller, KlassByName, MonoSystem } from 'interaqt'
import { PostgreSQLDB, SQLiteDB } from 'interaqt/drivers'

const silent = { info() {}, error() {}, child() { return silent } }

// The options of a program that choose the store: --synchronous=FULL, or --database=... --host=... of a server.
export function storeOf(given, atATime) {
  return given.host ? new PostgreSQL(given, atATime) : new SQLite(given.synchronous)
}

class SQLite {
  constructor(synchronous) {
    this.synchronous = synchronous
    this.folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
    this.db = new SQLiteDB(join(this.folder, 'bench.db'), { logger: silent })
  }
  async open() {
    await this.db.open()
    this.db.db.pragma('page_size = 2048') // the pages and the log of all who are compared
    this.db.db.pragma('journal_mode = WAL')
    this.db.db.pragma('wal_autocheckpoint = 4096')
    this.db.db.pragma(`synchronous = ${this.synchronous}`)
  }
  requireSettings() {
    const levels = { NORMAL: 1, FULL: 2 }
    expect('journal_mode', this.db.db.pragma('journal_mode', { simple: true }), 'wal')
    expect('synchronous', this.db.db.pragma('synchronous', { simple: true }), levels[this.synchronous])
  }
  async close() {
    await this.db.close()
    rmSync(this.folder, { recursive: true })
  }
}

class PostgreSQL {
  constructor({ host, database }, atATime) {
    this.db = new PostgreSQLDB(database, { host, user: 'postgres', max: atATime, logger: silent })
  }
  async open() {
    await this.db.open()
  }
  async requireSettings() {
    const [{ synchronous_commit }] = await this.db.query('SHOW synchronous_commit')
    expect('synchronous_commit', synchronous_commit, 'on')
  }
  async close() {
    await this.db.close()
  }
}

export async function withSystem({ store, declarations, indexed = [] }, work) {
  try {
    await store.open()
    const system = new MonoSystem(store.db, silent)
    system.conceptClass = KlassByName
    const controller = new Controller({ system, forceThrowDispatchError: true, ...declarations })
    await controller.setup(true)
    for (const [record, attribute] of indexed) {
      const { table, attributes } = system.storage.map.records[record]
      await store.db.scheme(`CREATE INDEX "bench_${record}_${attribute}" ON "${table}" ("${attributes[attribute].field}")`)
    }
    await store.requireSettings()
    return await work(controller, system.storage, store.db)
  } finally {
    await store.close()
  }
}

// Runs `work(number)` for the numbers from 0 to `size`, `limit` of them at a time; each worker tells who it is.
export async function atATime(limit, size, work) {
  let left = size
  const worker = async (_, number) => { while (left-- > 0) await work(number) }
  await Promise.all(Array.from({ length: limit }, worker))
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
