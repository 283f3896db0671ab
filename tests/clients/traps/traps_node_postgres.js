// The rows by node-postgres: parameters as text with no declared type, as values of JavaScript, by
// named prepared statements; with `copy` as first argument by pg-copy-streams. See
// tests/clients/traps.rs.
'use strict'
const fs = require('fs')
const path = require('path')
const { pipeline } = require('stream/promises')
const { Readable } = require('stream')
const modules = path.join(__dirname, '..', '..', '.setup', 'node', 'node_modules')
const { Client } = require(path.join(modules, 'pg'))

const [kind, host, port, user, database, types, cast] = process.argv.slice(2)
const columns = types.split(';').map((column) => column.split(/ (.*)/s).slice(0, 2))
const field = (text) => (text === '-' ? null : Buffer.from(text.slice(1), 'hex').toString())
const lines = fs.readFileSync(0, 'ascii').split('\n').filter(Boolean)
const rows = lines.map((line) => line.split(' ')).map(([number, ...fields]) => [Number(number), ...fields.map(field)])

const bytes = (text) => Buffer.from(text.slice(2), 'hex')
const elements = (text) => (text === '' ? [] : text.split('\x1f'))
const strings = { b: bytes, ar: elements }
// JSON as objects, which it writes as JSON does; numbers and booleans as such.
const own = { b: bytes, ar: elements, jb: JSON.parse, j: JSON.parse, bo: (text) => text === '1', si: Number, bi: BigInt }
// An array or a plain string would not be taken for JSON.
const isObject = (value) => typeof value === 'object' && !Array.isArray(value)

const convert = ([number, ...values], kinds) => [
  number,
  ...values.map((text, index) => {
    const name = columns[index][0]
    if (text === null || !kinds[name]) return text
    const value = kinds[name](text)
    return (name === 'jb' || name === 'j') && !isObject(value) ? text : value
  }),
]

const arrayLiteral = (text) => `{${elements(text).map((e) => `"${e.replace(/[\\"]/g, '\\$&')}"`).join(',')}}`
const escapes = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r', '\0': '\\0' }
const copyField = (text) => (text === null ? '\\N' : String(text).replace(/[\\\t\n\r]|\0(?![0-7])/g, (c) => escapes[c]))
const csvField = (text) => (text === null ? '' : `"${String(text).replace(/"/g, '""')}"`)

async function main() {
  const client = new Client({ host, port: Number(port), user, database })
  await client.connect()
  const way = async (name) => {
    await client.query(`CREATE TABLE ${name} (n int, ${columns.map((column) => column.join(' ')).join(', ')})`)
    console.log(name)
    return name
  }
  const insert = (name) => {
    const casts = ['int', ...columns.map((column) => column[1])].map((type) => (cast ? `::${type}` : ''))
    return `INSERT INTO ${name} VALUES (${casts.map((type, index) => `$${index + 1}${type}`).join(', ')})`
  }
  if (kind === 'copy') {
    const { from } = require(path.join(modules, 'pg-copy-streams'))
    const copy = async (name, options, text) => {
      const data = Buffer.from(text)
      const pieces = Array.from({ length: Math.ceil(data.length / 11) }, (_, at) => data.subarray(at * 11, at * 11 + 11))
      await pipeline(Readable.from(pieces), client.query(from(`COPY ${name} FROM STDIN ${options}`)))
    }
    const table = rows.map((row) => convert(row, { ar: arrayLiteral }))
    const text = (fields, join) => table.map((row) => `${row.map(fields).join(join)}\n`).join('')
    await copy(await way('copy_text'), '', text(copyField, '\t'))
    await copy(await way('copy_csv'), 'CSV', text(csvField, ','))
    await copy(await way('copy_csv_semicolons'), "(FORMAT csv, DELIMITER ';')", text(csvField, ';'))
  } else {
    for (const [name, kinds] of [['strings', strings], ['own', own]]) {
      const text = insert(await way(name))
      for (const row of rows) await client.query(text, convert(row, kinds))
    }
    const text = insert(await way('named'))
    for (const row of rows) await client.query({ name: 'insert', text, values: convert(row, strings) })
  }
  await client.end()
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
