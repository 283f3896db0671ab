"use strict";
// The page of figures. Texts come from databases, so they are only ever set as text.
const byId = (id) => document.getElementById(id);
const tables = new Map();
let sessions = [], sort = { by: "last_activity", down: true }, last = 0, spoken = 0, previous = 0;
const ROWS_MAX = 200;
const TABLE_COLUMNS = [
  ["Table", "name"], ["State", "state"], ["Full load rows", "full_load_rows", 1], ["Inserts", "insert_rows", 1],
  ["Updates", "update_rows", 1], ["Deletes", "delete_rows", 1], ["DDLs", "ddls", 1, 1],
  ["Rolled back", "rolled_back_rows", 1, 1], ["Changed", "rewrites", 1, 1], ["Errors", "errors", 1],
  ["Bytes", "bytes", 1, 1], ["Rows/s", "rows_per_second", 1], ["Last minute", "rates", 0, 1],
  ["Last activity", "last_activity", 0, 1]];
const SESSION_COLUMNS = ["id", "user", "database", "application_name", "client_addr", "state", "statement", "rows", "bytes_received", "target_pid"];
const CHANGE_COLUMNS = ["database", "schema", "table", "column", "rule", "road", "before", "after", "count", "last_seen"];
const ERROR_COLUMNS = ["at", "sqlstate", "condition", "origin", "user", "database", "schema", "table", "column", "constraint"];
const headers = () => {
  const token = sessionStorage.getItem("token");
  return token ? { Authorization: "Bearer " + token } : {};
};
const element = (name, text, kind) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
};
const shown = (value) => typeof value === "number" ? value.toLocaleString("en") : value ?? "";
function line(rates) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
  svg.setAttribute("width", "90"); svg.setAttribute("height", "18"); svg.setAttribute("aria-hidden", "true");
  const most = Math.max(1, ...rates);
  path.setAttribute("d", rates.map((rate, at) => (at ? "L" : "M") + (at * 90 / 60).toFixed(1) + " " + (17 - 16 * rate / most).toFixed(1)).join(" ") || "M0 17");
  svg.append(path);
  return svg;
}
function head(id, columns) {
  for (const [title, field, , low] of columns) {
    const cell = element("th", undefined, low ? "low" : ""); cell.scope = "col";
    if (id === "table-head" && field !== "rates") {
      const button = element("button", title);
      button.addEventListener("click", () => { sort = { by: field, down: sort.by === field ? !sort.down : true }; draw(); });
      cell.append(button); cell.dataset.field = field;
    } else cell.textContent = title;
    byId(id).append(cell);
  }
}
function fits(name) {
  const wanted = byId("filter").value.trim();
  if (!wanted) return true;
  const pattern = wanted.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*");
  return new RegExp("^" + pattern + "$").test(name) || new RegExp("^" + pattern + "$").test(name.split(".").pop());
}
function row(table) {
  const made = element("tr");
  for (const [, field, number, low] of TABLE_COLUMNS) {
    const kind = (number ? "number" : "") + (low ? " low" : "") + (table.state === "error" && field === "state" ? " error" : "");
    const cell = element("td", field === "rates" ? undefined : shown(table[field]), kind.trim());
    if (field === "rates") cell.append(line(table.rates || []));
    made.append(cell);
  }
  return made;
}
function draw() {
  if (byId("tables").matches(":has(tbody:hover)")) return;
  for (const cell of byId("table-head").children) {
    cell.setAttribute("aria-sort", cell.dataset.field === sort.by ? (sort.down ? "descending" : "ascending") : "none");
  }
  const state = byId("state").value;
  const found = [...tables.values()].filter((table) => (!state || table.state === state) && fits(table.name));
  const sign = sort.down ? -1 : 1, by = sort.by;
  found.sort((a, b) => a[by] === b[by] ? a.name.localeCompare(b.name) : (a[by] ?? "") < (b[by] ?? "") ? -sign : sign);
  byId("table-rows").replaceChildren(...found.slice(0, ROWS_MAX).map(row));
  byId("shown").textContent = found.length > ROWS_MAX ? `${ROWS_MAX} of ${shown(found.length)} shown` : `${shown(found.length)} shown`;
  byId("empty").hidden = tables.size > 0;
}
function simple(id, columns, rows) {
  byId(id).replaceChildren(...rows.slice(0, ROWS_MAX).map((values) => {
    const made = element("tr");
    for (const name of columns) {
      const value = name === "statement" ? [values.statement.kind, values.statement.table].filter(Boolean).join(" ") : values[name];
      made.append(element("td", shown(value), typeof value === "number" && name !== "id" ? "number" : ""));
    }
    return made;
  }));
}
function totals(sums) {
  const list = [["Tables", sums.tables], ["Rows", sums.rows], ["Rows/s", sums.rows_per_second], ["Bytes/s", sums.bytes_per_second],
    ["Changed", sums.rewrites], ["Errors", sums.errors], ["Sessions", sums.sessions],
    ["Added p50", sums.added_p50_seconds === null ? "" : sums.added_p50_seconds * 1e6 + " µs"],
    ["Added p99", sums.added_p99_seconds === null ? "" : sums.added_p99_seconds * 1e6 + " µs"]];
  byId("totals").replaceChildren(...list.map(([name, value]) => {
    const made = element("div"); made.append(element("dt", name), element("dd", shown(value))); return made;
  }));
  if (sums.errors > previous || Date.now() - spoken > 30000) {
    byId("live").textContent = `${sums.tables} tables, ${sums.rows} rows, ${sums.errors} errors`; spoken = Date.now();
  }
  previous = sums.errors;
}
function onEvent(kind, data) {
  last = Date.now();
  if (kind === "hello") { tables.clear(); byId("instance").textContent = `${data.instance}, version ${data.version}, since ${data.started_at}`; }
  if (kind === "state") { byId("banner").hidden = data.state === "running"; byId("banner").textContent = data.state; }
  if (kind !== "stats") return;
  for (const table of data.tables) {
    table.name = (table.schema ? table.schema + "." : "") + table.table;
    tables.set(JSON.stringify([table.database, table.schema, table.table]), table);
  }
  for (const key of data.gone) tables.delete(JSON.stringify(key));
  sessions = data.sessions;
  byId("target").textContent = `target ${data.target.address}: ${data.target.up === null ? "not yet asked" : data.target.up ? "answers" : "does not answer"}`;
  totals(data.totals); draw(); simple("session-rows", SESSION_COLUMNS, sessions);
}
async function lists() {
  for (const [path, id, columns, field] of [["/api/rewrites", "change-rows", CHANGE_COLUMNS, "rewrites"], ["/api/errors", "error-rows", ERROR_COLUMNS, "errors"]]) {
    const answer = await fetch(path, { headers: headers() });
    if (answer.ok) simple(id, columns, (await answer.json())[field]);
  }
}
async function stream(stop) {
  const answer = await fetch("/api/events", { headers: headers(), signal: stop });
  byId("login").hidden = answer.status !== 401;
  if (!answer.ok) throw new Error(answer.status);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const lines = text.slice(0, end).split("\n");
      const of = (name) => lines.find((one) => one.startsWith(name + ": "))?.slice(name.length + 2);
      if (of("data")) onEvent(of("event"), JSON.parse(of("data")));
    }
  }
}
async function run() {
  const pauses = [1, 2, 5, 10];
  for (let tries = 0; ; tries++) {
    while (document.hidden) await new Promise((go) => document.addEventListener("visibilitychange", go, { once: true }));
    const stop = new AbortController();
    const hide = () => document.hidden && stop.abort();
    document.addEventListener("visibilitychange", hide);
    const began = Date.now();
    try { await stream(stop.signal); } catch { /* The pill says it. */ }
    document.removeEventListener("visibilitychange", hide);
    if (Date.now() - began > 5000) tries = 0;
    await new Promise((go) => setTimeout(go, 1000 * pauses[Math.min(tries, 3)]));
  }
}
head("table-head", TABLE_COLUMNS);
head("session-head", SESSION_COLUMNS.map((name) => [name, name]));
head("change-head", CHANGE_COLUMNS.map((name) => [name, name]));
head("error-head", ERROR_COLUMNS.map((name) => [name, name]));
byId("empty").textContent = "Nothing has come through yet. Point a tool at the proxy's address.";
byId("filter").addEventListener("input", draw);
byId("state").addEventListener("change", draw);
byId("login").addEventListener("submit", (event) => {
  event.preventDefault(); sessionStorage.setItem("token", byId("token").value); byId("login").hidden = true;
});
setInterval(() => {
  const age = Math.round((Date.now() - last) / 1000);
  byId("pill").textContent = !last ? "no connection" : age > 3 ? `figures are ${age} s old` : "live";
}, 1000);
setInterval(() => { if (!document.hidden) lists().catch(() => {}); }, 3000);
draw(); lists().catch(() => {}); run();
