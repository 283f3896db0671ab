// Loads in which each tenth row is too long, with pg-copy-streams and with parameters. Prints what each load was told.
// Arguments: host port user database.
'use strict'
const path = require('path')
const { pipeline } = require('stream/promises')
const { Readable } = require('stream')
const modules = path.join(__dirname, '..', '.setup', 'node', 'node_modules')
const { Client } = require(path.join(modules, 'pg'))
const { from } = require(path.join(modules, 'pg-copy-streams'))

const [host, port, user, database] = process.argv.slice(2)
const rows = Array.from({ length: 1000 }, (_, n) => [n, n % 10 === 7 ? 'too long' : 'v'])

async function main() {
  const client = new Client({ host, port: Number(port), user, database })
  await client.connect()
  await client.query('CREATE TABLE copied (id int PRIMARY KEY, v varchar(5))')
  await client.query('CREATE TABLE inserted (id int PRIMARY KEY, v varchar(5))')
  const stream = client.query(from('COPY copied FROM STDIN (FORMAT csv)'))
  await pipeline(Readable.from(rows.map((row) => `${row.join(',')}\n`)), stream)
  console.log('copied', stream.rowCount)
  let count = 0
  for (const row of rows.slice(0, 100)) {
    count += (await client.query('INSERT INTO inserted VALUES ($1, $2)', row)).rowCount
  }
  console.log('inserted', count)
  await client.end()
}

main()
