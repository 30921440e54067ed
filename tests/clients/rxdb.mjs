// RxDB on Doorstep: what a mobile app needs, and what the tests run.

import { createRxDatabase } from 'rxdb'
import { replicateRxCollection } from 'rxdb/plugins/replication'
import { Subject } from 'rxjs'

/** The schema of one collection, from `GET /sync/schemas.json`: keep it in the app's source. */
export function schemaOf(fields) {
  const properties = Object.fromEntries(
    Object.entries(fields).map(([name, type]) => [
      // RxDB's documents have a property `collection` of their own.
      name === 'collection' ? 'record_collection' : name,
      name === 'id' ? { type: 'string', maxLength: 36 } : { type: [type, 'null'] },
    ]),
  )
  return { version: 0, primaryKey: 'id', type: 'object', properties, required: ['id'] }
}

/** The database with these collections: `{visits: {id: "string", …}, …}`. */
export async function openDatabase(name, storage, tables) {
  const database = await createRxDatabase({ name, storage, multiInstance: false })
  await database.addCollections(
    Object.fromEntries(Object.entries(tables).map(([table, fields]) => [table, { schema: schemaOf(fields) }])),
  )
  return database
}

/**
 * Replicate one collection. `ask(path, init)` is `fetch` with the server's address and the access token;
 * `told(directives)` hears what the server wants: "resync" (await replication.awaitInSync(), remove the
 * collection, add it again and replicate anew) or "wipe". Returns the replication and `hint()`, to be called
 * for every event of `/sync/rxdb/<collection>/stream` and whenever that stream or the network comes back.
 */
export function replicate(collection, ask, { told = () => {}, ...options } = {}) {
  const hints = new Subject()
  let epoch
  const base = `/sync/rxdb/${collection.name}`
  const replication = replicateRxCollection({
    collection,
    replicationIdentifier: `doorstep-${collection.name}`,
    live: true,
    ...options,
    pull: {
      batchSize: 200,
      stream$: hints.asObservable(),
      async handler(checkpoint, batchSize) {
        const query = new URLSearchParams({ cursor: checkpoint?.cursor ?? '', batch_size: batchSize })
        const answer = await ask(`${base}/pull?${query}`)
        if (!answer.ok) throw new Error(`pull: ${answer.status}`)
        const page = await answer.json()
        epoch ??= page.epoch // that of the documents this collection was filled with
        if (page.directives.length) told(page.directives)
        return { documents: page.documents, checkpoint: page.checkpoint }
      },
    },
    push: {
      batchSize: 20,
      async handler(rows) {
        const answer = await ask(`${base}/push${epoch ? `?epoch=${epoch}` : ''}`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify(rows),
        })
        if (!answer.ok) throw new Error(`push: ${answer.status}`)
        return answer.json() // the documents that stand; RxDB's default conflict handler takes them
      },
    },
  })
  return { replication, hint: () => hints.next('RESYNC') }
}
