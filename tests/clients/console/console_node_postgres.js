// Reads the console with node-postgres: simple queries, several in one, and named prepared statements. Prints what it
// has read. Arguments: host port user database.
'use strict'
const path = require('path')
const { Client } = require(path.join(__dirname, '..', '..', '.setup', 'node', 'node_modules', 'pg'))

const [host, port, user, database] = process.argv.slice(2)

function print(row) {
  console.log('table', row.schema, row.table, row.insert_rows, typeof row.rows_per_second)
  console.log('seen', row.last_activity.getFullYear() > 2000)
}

async function main() {
  const client = new Client({ host, port: Number(port), user, database })
  await client.connect()
  const text = "SHOW TABLES LIKE 'shown'"
  for (const query of [text, { name: 'shown', text }, { name: 'shown', text }]) {
    (await client.query(query)).rows.forEach(print)
  }
  const [version, sessions] = await client.query('SHOW VERSION; SHOW SESSIONS')
  console.log('several', version.rows.length, sessions.command)
  for (const query of ['SELECT 2', { name: 'two', text: 'SELECT 2' }]) {
    await client.query(query).catch((error) => console.log('refused', error.code, error.hint))
  }
  await client.end()
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
