// WatermelonDB on Doorstep: what a mobile app needs, and what the tests run.

import { Database, Model, appSchema, tableSchema } from '@nozbe/watermelondb'
import { hasUnsyncedChanges, synchronize } from '@nozbe/watermelondb/sync/index.js'
import { setGenerator } from '@nozbe/watermelondb/utils/common/randomId/index.js'

// Doorstep's ids are UUIDs; WatermelonDB's own 16 letters would be refused.
setGenerator(() => globalThis.crypto.randomUUID())

/** The schema, from `GET /sync/schemas.json`: fetch it once and keep it in the app's source. */
export function schemaOf(collections, version = 1) {
  const tables = collections.map(({ collection, fields }) =>
    tableSchema({
      name: collection,
      columns: Object.entries(fields)
        .filter(([name]) => name !== 'id')
        .map(([name, type]) => ({ name, type, isOptional: true })),
    }),
  )
  return appSchema({ version, tables })
}

/** One model per table; an app writes its own, with decorators. */
export function modelsOf(collections) {
  return collections.map(({ collection }) => class extends Model { static table = collection })
}

/** The database; `adapter` is SQLiteAdapter on a phone. */
export function openDatabase(adapter, collections) {
  return new Database({ adapter, modelClasses: modelsOf(collections) })
}

/** `ask(path, init)` is `fetch` with the server's address and the device's access token. */
export async function pullChanges(ask, { lastPulledAt, schemaVersion, migration }, unsent) {
  const query = new URLSearchParams({
    last_pulled_at: lastPulledAt ?? '',
    schema_version: schemaVersion,
    migration: migration ? JSON.stringify(migration) : '',
    // Removals wait while the device holds edits that they would destroy.
    ...(unsent === undefined ? {} : { unsent }),
  })
  const answer = await ask(`/sync/watermelon?${query}`)
  if (!answer.ok) throw new Error(`pull: ${answer.status}`)
  return answer.json()
}

export async function pushChanges(ask, { changes, lastPulledAt }) {
  const answer = await ask(`/sync/watermelon?last_pulled_at=${lastPulledAt}`, {
    method: 'POST',
    body: JSON.stringify(changes),
  })
  if (!answer.ok) throw new Error(`push: ${answer.status}`)
  // Nothing is returned: what does not stand comes back corrected with the next pull.
}

/** One sync. Returns the server's directives: on "wipe", delete the database once nothing is unsent. */
export async function sync(database, ask) {
  const directives = []
  await synchronize({
    database,
    sendCreatedAsUpdated: true,
    pullChanges: async (asked) => pullChanges(ask, asked, await hasUnsyncedChanges({ database })),
    pushChanges: (changes) => pushChanges(ask, changes),
    onDidPullChanges: async (rest) => { directives.push(...(rest.directives ?? [])) },
  })
  return directives
}
