// A fixed load with node-postgres: simple and parameterised queries, named prepared statements,
// several statements in one query, notices, errors. Arguments: host port user database.
'use strict'
const path = require('path')
const { Client } = require(path.join(__dirname, '..', '.setup', 'node', 'node_modules', 'pg'))

const [host, port, user, database] = process.argv.slice(2)
const show = (label, value) => console.log(`${label}: ${JSON.stringify(value)}`)

async function main() {
  const client = new Client({ host, port: Number(port), user, database })
  await client.connect()
  const notices = []
  client.on('notice', (notice) => notices.push([notice.severity, notice.code, notice.message]))
  const created = await client.query('CREATE TABLE load (n int, t text, b bytea, d numeric)')
  show('create', created.command)
  const many = await client.query(
    "INSERT INTO load VALUES (1, 'one'); INSERT INTO load VALUES (2, 'two'), (3, 'three'); SELECT n FROM load ORDER BY n"
  )
  show('several statements', many.map((result) => [result.command, result.rowCount, result.rows]))
  for (let n = 10; n < 200; n++) {
    await client.query('INSERT INTO load VALUES ($1, $2, $3, $4)', [n, `é ${n} \\ '`, Buffer.from([0, n]), `${n}.50`])
  }
  for (let n = 10; n < 15; n++) {
    const result = await client.query({ name: 'by-n', text: 'SELECT * FROM load WHERE n = $1', values: [n] })
    show('named', [result.rows, result.fields.map((field) => [field.name, field.dataTypeID])])
  }
  show('nulls', (await client.query('SELECT $1::text AS x, $2::int AS y', [null, 5])).rows)
  await client.query('DROP TABLE IF EXISTS absent')
  await client.query("DO $$ BEGIN RAISE NOTICE 'seen'; END $$")
  show('notices', notices)
  for (const [text, values] of [
    ['SELECT * FROM nowhere', []],
    ['SELECT $1::int', ['x']],
    ['SELECT 1; SELECT 1/0; SELECT 2', undefined],
    ['INSERT INTO load (nothing) VALUES ($1)', [1]],
  ]) {
    try {
      await client.query(text, values)
      show(text, 'no error')
    } catch (error) {
      show(text, [error.code, error.severity, error.message, error.position])
    }
  }
  show('sums', (await client.query("SELECT count(*), sum(n), md5(string_agg(t, ',' ORDER BY n)) FROM load")).rows)
  await client.end()
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
