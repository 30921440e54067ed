// Drives one real store through seeded sessions against a running server. Told by lines on its input: first the
// plan as JSON, then "sessions", "settle" as often as wanted, and "tell"; answers each with a line of JSON.

import { createInterface } from 'node:readline'
import loki from '@nozbe/watermelondb/adapters/lokijs/index.js'
import diagnosis from '@nozbe/watermelondb/diagnostics/diagnoseSyncConsistency/index.js'
import { hasUnsyncedChanges } from '@nozbe/watermelondb/sync/index.js'
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory'
import { wrappedValidateAjvStorage } from 'rxdb/plugins/validate-ajv'
import * as rx from './rxdb.mjs'
import * as melon from './watermelon.mjs'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const plan = JSON.parse((await lines.next()).value)
// What the packages have to say is not an answer.
for (const name of ['log', 'info', 'warn', 'debug']) console[name] = console.error
const log = console.error

/** mulberry32: the same seed, the same sessions. */
function randomOf(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return { next, below: (n) => Math.floor(next() * n), one: (list) => list[Math.floor(next() * list.length)] }
}

const GONE = 'the record is gone'
const random = randomOf(plan.seed)
const typed = []
const faults = { requests: 0, replies: 0, asked: 0 }
let faulty = true
let words = 0

/** `fetch` in somebody's name; of a device's requests some are lost on the way, some on the way back. */
function asks(token, drops) {
  return async (path, init = {}) => {
    faults.asked += 1
    if (drops && faulty && random.next() < plan.loss) {
      faults.requests += 1
      throw new Error('the request was lost')
    }
    const headers = { ...init.headers, Authorization: `Bearer ${token}` }
    const answer = await fetch(plan.url + path, { ...init, headers })
    if (drops && faulty && random.next() < plan.loss) {
      await answer.arrayBuffer()
      faults.replies += 1
      throw new Error('the reply was lost')
    }
    if (!answer.ok && drops && answer.status !== 503) log(`${path}: ${answer.status} ${(await answer.clone().text()).slice(0, 300)}`)
    return answer
  }
}

class WatermelonStore {
  async open() {
    this.ask = asks(this.token, true)
    const collections = Object.entries(plan.tables).map(([collection, fields]) => ({ collection, fields }))
    const schema = melon.schemaOf(collections)
    this.database = melon.openDatabase(
      new loki.default({ schema, useWebWorker: false, useIncrementalIndexedDB: false }), collections)
  }
  table(name) { return this.database.get(name) }
  async all(name) { return (await this.table(name).query().fetch()).map((record) => record._raw) }
  async edit(name, id, changes) {
    await this.database.write(async () => {
      const record = await this.table(name).find(id)
      await record.update(() => { for (const [field, value] of Object.entries(changes)) record._setRaw(field, value) })
    })
  }
  async create(name, row) {
    await this.database.write(() =>
      this.table(name).create((record) => {
        record._raw.id = row.id
        for (const [field, value] of Object.entries(row)) if (field !== 'id') record._setRaw(field, value)
      }))
  }
  async remove(name, id) {
    await this.database.write(async () => (await this.table(name).find(id)).markAsDeleted())
  }
  async sync() { await melon.sync(this.database, this.ask) }
  async settle() {
    for (let i = 0; i < 4; i += 1) await this.sync()
    if (await hasUnsyncedChanges({ database: this.database })) throw new Error('something is still unsent')
    const found = await diagnosis.default({
      db: this.database,
      synchronize: () => this.sync(),
      pullChanges: async (asked) => (await melon.pullChanges(this.ask, asked)).changes,
    })
    this.issues = found.issueCount
    if (found.issueCount) log(found.log.slice(0, 4000))
  }
}

class RxdbStore {
  async open() {
    this.ask = asks(this.token, true)
    const memory = getRxStorageMemory()
    const storage = this.kind === 'rxdb-ajv' ? wrappedValidateAjvStorage({ storage: memory }) : memory
    this.database = await rx.openDatabase(`d${random.below(1e9)}`, storage, plan.tables)
    this.replicas = {}
    this.touched = new Set(Object.keys(plan.tables))
    this.errors = []
    for (const name of Object.keys(plan.tables)) {
      const replica = rx.replicate(this.database[name], this.ask, { retryTime: 20 })
      replica.replication.error$.subscribe((error) => {
        const text = JSON.stringify(error.parameters?.errors ?? String(error))
        if (!/was lost|: 503/.test(text)) this.errors.push(`${name}: ${text.slice(0, 500)}`)
      })
      this.replicas[name] = replica
    }
  }
  async all(name) {
    this.touched.add(name)
    return (await this.database[name].find().exec()).map((document) => document.toJSON())
  }
  async document(name, id) {
    const document = await this.database[name].findOne(id).exec()
    if (document === null) throw new Error(`${GONE}: ${name}#${id}`)
    return document
  }
  async edit(name, id, changes) { await (await this.document(name, id)).incrementalPatch(changes) }
  async create(name, row) { await this.database[name].insert(row) }
  async remove(name, id) { await (await this.document(name, id)).remove() }
  async sync() {
    const names = [...this.touched]
    this.touched.clear()
    for (const name of names) this.replicas[name].hint()
    await Promise.all(names.map((name) => this.replicas[name].replication.awaitInSync()))
  }
  async settle() {
    for (let i = 0; i < 2; i += 1) {
      for (const name of Object.keys(plan.tables)) this.touched.add(name)
      await this.sync()
    }
    if (this.errors.length) throw new Error(this.errors.slice(0, 5).join('\n'))
  }
}

const office = asks(plan.office, false)
const tell = (path, body, method = 'POST', headers = {}) =>
  office(path, { method, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', ...headers } })

function said(store, field) {
  words += 1
  const text = `${store.kind} ${field} ${words}`
  typed.push(text)
  return text
}

const newId = () => {
  const hex = Array.from({ length: 32 }, () => random.below(16).toString(16))
  hex[12] = '4'
  hex[16] = '8'
  return hex.join('').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Takes back a text that nobody can miss; only what `said` made is on the list. */
function unsay(text) {
  const place = typed.indexOf(text)
  if (place < 0) throw new Error(`nobody typed ${JSON.stringify(text)}`)
  typed.splice(place, 1)
}

/** Writes a field in a store; a text that it overwrites unsent is nobody's work any more. */
async function writes(store, table, row, changes) {
  const key = (field) => `${table}/${row.id}/${field}`
  await store.edit(table, row.id, changes)
  for (const [field, value] of Object.entries(changes)) {
    if (store.unsent.has(key(field))) unsay(store.unsent.get(key(field)))
    if (typed.includes(value)) store.unsent.set(key(field), value)
    else store.unsent.delete(key(field))
  }
}

const STEPS = { dispatched: 'accept', accepted: 'depart', en_route: 'arrive', on_site: 'start' }
const now = () => new Date(plan.now).toISOString()

/** What a technician does in a store; each takes a record at random, if there is one. */
const DEEDS = {
  async note(store, visit) {
    await store.create('visit_notes', { id: newId(), visit_id: visit.id, text: said(store, 'note'), occurred_at: now() })
  },
  async use(store, visit) {
    const id = newId()
    const serial_number = said(store, 'serial')
    await store.create('part_usages', { id, visit_id: visit.id, part_id: plan.part, direction: 'used', quantity: 1, serial_number })
  },
  async step(store, visit) {
    const name = STEPS[visit.status]
    if (name) await store.create('visit_events', { id: newId(), visit_id: visit.id, name, occurred_at: now(), reason: said(store, 'reason') })
  },
  async findings(store) {
    const report = random.one(await store.all('service_reports'))
    const field = random.one(['findings', 'work_done'])
    if (report) await writes(store, 'service_reports', report, { [field]: said(store, field) })
  },
  async feedback(store) {
    const card = random.one(await store.all('feedback_cards'))
    if (card) await writes(store, 'feedback_cards', card, { words: said(store, 'words'), quality: 1 + random.below(5) })
  },
  async conduct(store) {
    const step = random.one(await store.all('conduct_steps'))
    if (step) await writes(store, 'conduct_steps', step, { answer: random.one(['yes', 'no']), note: said(store, 'note') })
  },
  async tick(store) {
    const item = random.one(await store.all('checklist_items'))
    if (item) await writes(store, 'checklist_items', item, { packed: !item.packed })
  },
  async trespass(store) {
    const site = random.one(await store.all('sites'))
    if (site) await writes(store, 'sites', site, { access_notes: said(store, 'access') })
  },
  async remove(store) {
    const table = random.one(['visits', 'visit_notes', 'service_reports'])
    const row = random.one(await store.all(table))
    if (row && ![...store.unsent.keys()].some((key) => key.startsWith(`${table}/${row.id}/`))) await store.remove(table, row.id)
  },
}

/** What the office does meanwhile; each returns the server's answer. */
const ORDERS = {
  async tick() { return tell(`/checklist-items/${random.one(plan.items)}/tick`, { packed: random.next() < 0.5 }) },
  async note() { return tell('/visit-notes', { visit_id: random.one(plan.visits), text: `office of ${plan.kind} ${(words += 1)}` }) },
  async site() {
    const site = random.one(plan.sites)
    const { revision } = await (await office(`/sites/${site}`)).json()
    return tell(`/sites/${site}`, { access_notes: `office of ${plan.kind} ${(words += 1)}` }, 'PATCH', { 'If-Match': `"${revision}"` })
  },
  async move() {
    const visit = random.one(plan.wandering)
    return tell(`/visits/${visit}/move`, { technician_id: random.one(plan.technicians) })
  },
}

/** How often the office had each order answered, by status: `{tick: {200: 12}, …}`. */
const orders = Object.fromEntries(Object.keys(ORDERS).map((kind) => [kind, {}]))

/** The office's orders take turns, so that none is left out of a short run. */
async function order(number) {
  const kind = Object.keys(ORDERS)[number % Object.keys(ORDERS).length]
  const { status } = await ORDERS[kind]()
  orders[kind][status] = (orders[kind][status] ?? 0) + 1
}

async function session(store, number) {
  const visits = await store.all('visits')
  for (let deeds = random.below(4); deeds > 0; deeds -= 1) {
    const visit = random.one(visits)
    if (visit) await tries(() => DEEDS[random.one(Object.keys(DEEDS))](store, visit))
  }
  if (number % 2 === 0) await order(number / 2)
  await store.sync().then(() => store.unsent.clear(), expected(INTERRUPTED))
}

/** Does a deed; of one whose record went under the user's hands nothing was typed. */
async function tries(deed) {
  const before = typed.length
  await deed().catch((error) => {
    expected(MISSED)(error)
    typed.length = before
  })
}

/** A message lost on the way, or a server too busy: the words of `asks` and of the adapters. */
const INTERRUPTED = /^Error: (the (request|reply) was lost|pu(ll|sh): 503)$/
/** A record that went: WatermelonDB's words, and ours where RxDB returns null. */
const MISSED = new RegExp(`^(Error|Diagnostic error): (Record \\w+#[\\w-]+ not found|${GONE}: .*)$`)

/** The rest are mistakes. */
function expected(words) {
  return (error) => { if (!words.test(String(error))) throw error }
}

const store = Object.assign(plan.kind === 'watermelon' ? new WatermelonStore() : new RxdbStore(), {
  kind: plan.kind, token: plan.token, unsent: new Map() })
const plain = (row) => Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith('_')))

const TOLD = {
  async sessions() {
    await store.open()
    for (let number = 0; number < plan.sessions; number += 1) await session(store, number)
    faulty = false
    return {}
  },
  async settle() {
    await store.settle()
    return {}
  },
  async tell() {
    const held = {}
    for (const table of Object.keys(plan.tables)) held[table] = (await store.all(table)).map(plain)
    return { held, typed, faults, orders, issues: store.issues ?? 0 }
  },
}

for await (const line of lines) process.stdout.write(`${JSON.stringify(await TOLD[line]())}\n`)
process.exit(0)
