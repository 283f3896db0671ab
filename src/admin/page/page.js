"use strict";
// The page of figures. Names come from databases, so they are only ever set as text.
const byId = (id) => document.getElementById(id);
const ROWS_MAX = 200;
const VIEWS = ["tables", "sessions", "changes", "keys", "errors", "proxy"];
const tables = new Map(), sessions = new Map(), rows = new Map();
const seconds = [];
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let sort = { by: "last_activity", down: true }, last = 0, seq = "", spoken = 0, errorsBefore = 0, life = "running", overview = null;

// Title, field, and whether it is a number, and low: left out on a phone.
const TABLE_COLUMNS = [
  ["Table", "name"], ["State", "state"], ["Full load rows", "full_load_rows", 1], ["Inserts", "insert_rows", 1],
  ["Updates", "update_rows", 1, 1], ["Deletes", "delete_rows", 1, 1], ["DDLs", "ddls", 1, 1],
  ["Rolled back", "rolled_back_rows", 1, 1], ["Changed", "rewrites", 1, 1], ["Errors", "errors", 1],
  ["Bytes", "bytes", 1, 1], ["Rows/s", "rows_per_second", 1], ["Last minute", "rates", 0, 1],
  ["Last activity", "last_activity", 0, 1]];
const SESSION_COLUMNS = [
  ["Id", "id"], ["User", "who"], ["Application", "application_name", 0, 1], ["Client", "client_addr", 0, 1], ["State", "state"],
  ["Since", "state_since", 0, 1], ["Statement", "what"], ["Rows", "rows", 1], ["Uncommitted", "uncommitted_rows", 1, 1],
  ["Received", "bytes_received", 1, 1], ["Errors", "errors", 1, 1], ["Target pid", "target_pid", 0, 1], ["", "kill"]];
const CHANGE_COLUMNS = [
  ["Database", "database", 0, 1], ["Table", "name"], ["Column", "column"], ["Rule", "rule"], ["Road", "road", 0, 1], ["Before", "before", 0, 1],
  ["After", "after", 0, 1], ["Count", "count", 1], ["First", "first_seen", 0, 1], ["Last", "last_seen", 0, 1], ["Samples", "samples", 0, 1]];
const KEY_COLUMNS = [
  ["Database", "database", 0, 1], ["Table", "name"], ["Constraint", "constraint"], ["References", "referenced", 0, 1], ["State", "state"],
  ["Orphans", "orphans", 1], ["Parked", "parked_at", 0, 1], ["By", "parked_by", 0, 1]];
const ERROR_COLUMNS = [
  ["At", "at", 0, 1], ["SQLSTATE", "sqlstate"], ["Condition", "condition"], ["From", "origin", 0, 1], ["User", "user", 0, 1],
  ["Table", "name"], ["Column", "column"], ["Constraint", "constraint", 0, 1], ["Session", "session", 0, 1]];
const CONFIG_COLUMNS = [["Key", "key"], ["Value", "value", 2], ["Default", "default", 2, 1], ["Source", "source"], ["By reload", "changes", 0, 1]];

const token = () => sessionStorage.getItem("token");
const headers = () => token() ? { Authorization: "Bearer " + token() } : {};
const MOMENT = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d{3}Z$/;
const plain = (value) => Array.isArray(value) ? value.join(" | ") : String(value ?? "").replace(MOMENT, "$1 $2");
const shown = (value) => typeof value === "number" ? value.toLocaleString("en") : plain(value);
const named = (it) => (it.schema ? it.schema + "." : "") + (it.table ?? "");
const bytes = (value) => { const at = Math.min(4, Math.floor(Math.log2(Math.max(1, value)) / 10)); return (value / 1024 ** at).toFixed(at ? 1 : 0) + " " + ["B", "KiB", "MiB", "GiB", "TiB"][at]; };
const duration = (s) => s === null ? "none" : s < 0.001 ? Math.round(s * 1e6) + " µs" : s < 1 ? Math.round(s * 1e4) / 10 + " ms" : s + " s";
// Sets what differs only, so that a reader of the page is left alone.
const set = (node, text) => { if (node.textContent !== String(text)) node.textContent = text; };
function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}
function drawing(name, values) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
  return made;
}
function line(rates) {
  const svg = drawing("svg", { width: 90, height: 18, "aria-hidden": "true" }), most = Math.max(1, ...rates), from = 60 - rates.length;
  const path = rates.map((rate, at) => `${at ? "L" : "M"}${((at + from) * 1.5).toFixed(1)} ${(17 - 16 * rate / most).toFixed(1)}`).join(" ");
  svg.append(drawing("path", { d: path || "M0 17" }));
  return svg;
}
function bars(title, histogram) {
  const figure = element("figure"), buckets = histogram.buckets.map((bucket, at) => [bucket.le, bucket.count - (at ? histogram.buckets[at - 1].count : 0)]);
  const first = buckets.findIndex(([, count]) => count), until = buckets.findLastIndex(([, count]) => count);
  figure.append(element("figcaption", `${title}: ${shown(histogram.count)}` + (histogram.count ? `, mean ${duration(histogram.sum_seconds / histogram.count)}` : "")));
  const list = first < 0 ? [] : buckets.slice(first, until + 1);
  if (!list.length) return figure;
  const most = Math.max(...list.map(([, count]) => count));
  const said = list.map(([le, count]) => `${count} up to ${duration(le)}`).join(", ");
  const svg = drawing("svg", { width: list.length * 46, height: 90, viewBox: `0 0 ${list.length * 46} 90`, role: "img", "aria-label": `${title}: ${said}` });
  list.forEach(([le, count], at) => {
    const height = Math.max(count ? 1 : 0, 60 * count / most), label = drawing("text", { x: at * 46 + 2, y: 86 });
    label.textContent = duration(le);
    svg.append(drawing("rect", { x: at * 46 + 2, y: 70 - height, width: 40, height }), label);
  });
  figure.append(svg);
  return figure;
}
function head(id, columns) {
  byId(id).replaceChildren(...columns.map(([title, field, number, low]) => {
    const cell = element("th", undefined, [number === 1 && "number", low && "low"].filter(Boolean).join(" "));
    cell.scope = "col";
    if (id === "table-head" && field !== "rates") {
      const button = element("button", title);
      button.addEventListener("click", () => { sort = { by: field, down: sort.by === field ? !sort.down : true }; order(true); });
      cell.append(button);
      cell.dataset.field = field;
    } else if (title) cell.textContent = title;
    else cell.append(element("span", "Action", "unseen"));
    return cell;
  }));
}
function cells(made, columns, values, wide) {
  columns.forEach(([, field, number, low], at) => {
    const kind = [number === 1 && "number", number === 2 && "text", low && "low", field === "state" && values.state === "error" && "error"].filter(Boolean).join(" ");
    let cell = made.children[at];
    if (!cell) made.append(cell = element("td"));
    if (cell.className !== kind) cell.className = kind;
    if (!wide?.(field, cell, values)) set(cell, number ? shown(values[field]) : plain(values[field]));
  });
}
function simple(id, columns, list, wide) {
  const body = byId(id);
  list.slice(0, ROWS_MAX).forEach((values, at) => {
    const made = body.children[at] ?? body.appendChild(element("tr"));
    cells(made, columns, values, wide);
  });
  while (body.children.length > Math.min(list.length, ROWS_MAX)) body.lastChild.remove();
}
function facts(id, list) {
  const body = byId(id);
  list.forEach(([name, value], at) => {
    let pair = body.children[at];
    if (!pair) { pair = body.appendChild(element("div")); pair.append(element("dt"), element("dd")); }
    set(pair.firstChild, name);
    if (value instanceof Node) pair.lastChild.replaceChildren(value); else set(pair.lastChild, shown(value));
  });
}
// The list of tables.
function pattern() {
  const wanted = byId("filter").value.trim();
  if (!wanted) return () => true;
  const made = new RegExp("^" + wanted.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, ".*") + "$", "i");
  return (table) => made.test(table.name) || made.test(table.table);
}
function tableCell(field, cell, table) {
  if (field === "name") {
    if (!cell.firstChild) {
      const button = cell.appendChild(element("button", table.name, "name"));
      button.type = "button";
      button.addEventListener("click", () => detail(table));
    } else set(cell.firstChild, table.name);
    return true;
  }
  if (field !== "rates") return false;
  if (!cell.firstChild || !calm.matches || Date.now() - (cell.drawn ?? 0) > 10000) {
    cell.replaceChildren(line(table.rates || []));
    cell.drawn = Date.now();
  }
  return true;
}
function row(key) {
  let made = rows.get(key);
  const table = tables.get(key);
  if (!made) { made = element("tr"); rows.set(key, made); }
  if (made.drawnOf !== table) { cells(made, TABLE_COLUMNS, table, tableCell); made.drawnOf = table; }
  return made;
}
function order(asked) {
  const body = byId("table-rows");
  const busy = !asked && (body.matches(":hover") || body.contains(document.activeElement));
  if (busy) {
    // Whoever points at a row keeps it under the pointer.
    for (const [key, made] of rows) if (made.isConnected && tables.has(key)) row(key);
    return;
  }
  for (const cell of byId("table-head").children) {
    if (cell.dataset.field) cell.setAttribute("aria-sort", cell.dataset.field === sort.by ? (sort.down ? "descending" : "ascending") : "none");
  }
  const state = byId("state").value, fits = pattern();
  const found = [...tables].filter(([, table]) => (!state || table.state === state) && fits(table));
  const sign = sort.down ? -1 : 1, by = sort.by;
  found.sort(([, a], [, b]) => a[by] === b[by] ? a.name.localeCompare(b.name) : (a[by] ?? "") < (b[by] ?? "") ? -sign : sign);
  const wanted = found.slice(0, ROWS_MAX).map(([key]) => row(key));
  if (wanted.length !== body.children.length || wanted.some((made, at) => body.children[at] !== made)) body.replaceChildren(...wanted);
  set(byId("shown"), found.length > ROWS_MAX ? `${ROWS_MAX} of ${shown(found.length)} shown` : `${shown(found.length)} shown`);
  byId("empty").hidden = tables.size > 0;
}
async function detail(table) {
  const body = byId("detail-body");
  byId("detail-h").textContent = `${table.name} in ${table.database}`;
  body.replaceChildren(element("p", "Asking ..."));
  byId("detail").showModal();
  const path = [table.database, table.schema, table.table].map(encodeURIComponent).join("/");
  const answer = await fetch("/api/tables/" + path, { headers: headers() });
  if (!answer.ok) return body.replaceChildren(element("p", "The proxy knows nothing more of this table."));
  const one = await answer.json(), figures = element("dl"), now = one.table;
  figures.id = "detail-figures";
  const made = [figures];
  const part = (title, columns, list) => {
    if (!list.length) return;
    const wide = element("div", undefined, "wide"), listed = element("table"), first = element("tr"), heads = element("thead"), many = element("tbody");
    wide.tabIndex = 0; wide.setAttribute("role", "region"); wide.setAttribute("aria-label", title);
    for (const [name] of columns) { const cell = element("th", name); cell.scope = "col"; first.append(cell); }
    for (const values of list) { const line = element("tr"); cells(line, columns.map(([a, b, c]) => [a, b, c]), values); many.append(line); }
    heads.append(first); listed.append(heads, many); wide.append(listed);
    made.push(element("h3", title), wide);
  };
  if (now.estimated_rows !== null && now.estimated_rows > 0) {
    const bar = element("progress"), label = element("label", `${shown(now.full_load_rows)} rows of this load; the target estimates ${shown(now.estimated_rows)} in the table `);
    bar.max = Math.max(now.estimated_rows, now.full_load_rows); bar.value = now.full_load_rows;
    label.append(bar); made.push(label);
  }
  part("What was changed", CHANGE_COLUMNS.slice(2), one.rewrites);
  part("Errors", ERROR_COLUMNS.filter(([, field]) => field !== "name"), one.errors);
  part("Sessions that write it", SESSION_COLUMNS.slice(0, -1), one.sessions.map(session));
  body.replaceChildren(...made);
  facts("detail-figures", [["State", now.state], ["Phase", now.phase], ["Rows, last minute", line(one.rates)], ["Full load rows", now.full_load_rows],
    ["Inserts", now.insert_rows], ["Updates", now.update_rows], ["Deletes", now.delete_rows], ["Uncommitted", now.uncommitted_rows],
    ["Rolled back", now.rolled_back_rows], ["Set aside", now.set_aside_rows], ["Errors", now.errors], ["Last SQLSTATE", now.last_sqlstate ?? "none"], ["Bytes", bytes(now.bytes)],
    ["Load began", now.full_load_started ?? "not yet"], ["Load ended", now.full_load_ended ?? "not yet"], ["Last activity", now.last_activity ?? "none"]]);
}
// Everything else.
const session = (it) => ({ ...it, who: `${it.user}@${it.database}`, what: [it.statement.kind, it.statement.table].filter(Boolean).join(" ") });
function sessionCell(field, cell, values) {
  if (field !== "kill") return false;
  if (!token()) { cell.replaceChildren(); return true; }
  if (cell.of !== values.id) {
    const button = element("button", "Kill");
    button.setAttribute("aria-label", `Kill session ${values.id}`);
    button.addEventListener("click", () => kill(values));
    cell.replaceChildren(button);
    cell.of = values.id;
  }
  return true;
}
async function kill(values) {
  if (!confirm(`End session ${values.id} of ${values.who}? What it runs is cancelled and rolled back.`)) return;
  const answer = await fetch(`/api/admin/sessions/${values.id}/kill`, { method: "POST", headers: { ...headers(), "Content-Type": "application/json" } });
  if (!answer.ok) alert((await answer.json()).message);
}
function totals(sums, target) {
  const rates = seconds.map(([rows]) => rows), minute = line(rates);
  facts("totals", [["Tables", sums.tables], ["Rows", sums.rows], ["Rows/s", sums.rows_per_second], ["Last minute", minute], ["Bytes/s", bytes(sums.bytes_per_second)],
    ["Rolled back", sums.rolled_back_rows], ["Changed", sums.rewrites], ["Errors", sums.errors], ["Sessions", sums.sessions],
    ["Added time, half below", duration(sums.added_p50_seconds)], ["99 % below", duration(sums.added_p99_seconds)]]);
  const states = byId("states"), wanted = Object.entries(sums.tables_by_state);
  wanted.forEach(([state, count], at) => {
    let button = states.children[at];
    if (!button) {
      button = states.appendChild(element("button"));
      button.type = "button";
      button.addEventListener("click", () => { const list = byId("state"); list.value = list.value === button.dataset.state ? "" : button.dataset.state; order(true); press(); });
    }
    button.dataset.state = state;
    set(button, `${shown(count)} ${state}`);
  });
  while (states.children.length > wanted.length) states.lastChild.remove();
  press();
  const health = target.up === null ? "not yet asked" : target.up ? "answers" : "does not answer";
  set(byId("target"), `target ${target.address}: ${health}, TLS ${target.tls}`);
  if (sums.errors > errorsBefore || Date.now() - spoken > 30000) {
    byId("spoken").textContent = `${sums.tables} tables, ${sums.rows} rows, ${sums.errors} errors`;
    spoken = Date.now();
  }
  errorsBefore = sums.errors;
}
function press() {
  for (const button of byId("states").children) button.setAttribute("aria-pressed", String(button.dataset.state === byId("state").value));
}
function warn(target) {
  const said = [];
  if (life !== "running") said.push({ draining: "The proxy drains: it takes no more clients.", paused: "Paused: clients that come wait.", starting: "The proxy starts." }[life]);
  if (target?.up === false) said.push("The target does not answer.");
  if (target?.embedded_by_default) said.push("The target is an embedded server that is thrown away: nobody has named one.");
  if (overview?.foreign_keys_not_silenced) said.push(`Foreign keys not silenced in ${overview.foreign_keys_not_silenced} sessions: their role may not.`);
  if (overview?.ledger.unwritten_entries) said.push(`${overview.ledger.unwritten_entries} entries of the ledger are not written to the target.`);
  if (overview && !overview.config.last_reload_successful) said.push("The last reload of the configuration failed.");
  for (const warning of overview?.warnings ?? []) said.push(warning);
  const list = byId("banner");
  if ([...list.children].map((it) => it.textContent).join("\n") !== said.join("\n")) list.replaceChildren(...said.map((text) => element("li", text)));
}
function onEvent(kind, data) {
  last = Date.now();
  if (kind === "hello") {
    if (!data.goes_on) { tables.clear(); sessions.clear(); rows.clear(); }
    set(byId("instance"), `${data.instance}, version ${data.version}, counting since ${plain(data.started_at)} UTC`);
  }
  if (kind === "state") life = data.state;
  if (kind !== "stats") return;
  for (const key of data.gone) { const name = JSON.stringify(key); tables.delete(name); rows.delete(name); }
  for (const table of data.tables) {
    table.name = named(table);
    tables.set(JSON.stringify([table.database, table.schema, table.table]), table);
  }
  for (const id of data.ended) sessions.delete(id);
  for (const it of data.sessions) sessions.set(it.id, session(it));
  seconds.push([data.totals.rows_per_second]);
  if (seconds.length > 60) seconds.shift();
  totals(data.totals, data.target);
  warn(data.target);
  order(false);
  simple("session-rows", SESSION_COLUMNS, [...sessions.values()], sessionCell);
}
async function ask(path) {
  const answer = await fetch(path, { headers: headers() });
  return answer.ok ? answer.json() : null;
}
async function lists() {
  overview = await ask("/api/overview") ?? overview;
  if (overview) {
    for (const place of document.querySelectorAll(".place")) set(place, overview.listens);
    set(byId("nothing"), `Nothing has come through yet. Point a tool at ${overview.listens}:`);
    const { target, limits, config } = overview;
    facts("facts", [["Clients connect at", overview.listens], ["Target", target.address], ["Target answers since", target.since ?? "not known"], ["Time to connect", target.connect_ms + " ms"],
      ["Last error of the target", target.last_error ?? "none"], ["limits.clients", limits.clients], ["Log level", overview.log_level],
      ["Configuration", config.file ?? "no file"], ["Read at", config.read_at]]);
  }
  const changes = await ask("/api/rewrites"), errors = await ask("/api/errors"), keys = await ask("/api/foreign-keys");
  const withName = (list) => list.map((it) => ({ ...it, name: named(it) }));
  if (changes) simple("change-rows", CHANGE_COLUMNS, withName(changes.rewrites));
  if (errors) simple("error-rows", ERROR_COLUMNS, withName(errors.errors));
  if (keys) {
    const count = (state) => keys.foreign_keys.filter((key) => key.state === state).length;
    const closing = keys.closing.map((one) => ` ${one.command} works on ${one.phase} in ${one.database}: ${one.done} of ${one.total}.`).join("");
    const known = keys.looked_at ? `Looked at ${plain(keys.looked_at)} as ${keys.by}: ${count("parked")} parked, ${count("not_valid")} not valid.${closing}` : "Not known: " + keys.hint + ".";
    set(byId("keys-said"), known);
    simple("key-rows", KEY_COLUMNS, withName(keys.foreign_keys));
  }
  const times = await ask("/api/latency"), config = await ask("/api/config");
  if (times) {
    const own = Object.entries(times.own_statements).filter(([, histogram]) => histogram.count);
    byId("times").replaceChildren(bars("Added to the target", times.added.to_target), bars("Added to clients", times.added.to_client),
      ...own.map(([kind, histogram]) => bars("Own questions, " + kind, histogram)));
  }
  if (config) simple("config-rows", CONFIG_COLUMNS, config.config.map((key) => ({ ...key, changes: key.changeable ? "yes" : "no" })));
}
async function stream(stop) {
  const answer = await fetch("/api/events", { headers: seq ? { ...headers(), "Last-Event-ID": seq } : headers(), signal: stop });
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
      seq = of("id") ?? seq;
    }
  }
}
async function run() {
  const pauses = [1, 2, 5, 10];
  for (let tries = 0; ; tries++) {
    while (document.hidden) await new Promise((go) => document.addEventListener("visibilitychange", go, { once: true }));
    const stop = new AbortController(), began = Date.now();
    const hide = () => document.hidden && stop.abort();
    document.addEventListener("visibilitychange", hide);
    try { await stream(stop.signal); } catch { /* The pill says it. */ }
    document.removeEventListener("visibilitychange", hide);
    if (Date.now() - began > 5000) tries = 0;
    await new Promise((go) => { wake = go; setTimeout(go, 1000 * pauses[Math.min(tries, 3)]); });
  }
}
let wake = () => {};
function view() {
  const wanted = VIEWS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "tables";
  document.body.dataset.view = wanted;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === "#" + wanted) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  }
}
for (const [id, columns] of [["table-head", TABLE_COLUMNS], ["session-head", SESSION_COLUMNS], ["change-head", CHANGE_COLUMNS],
  ["key-head", KEY_COLUMNS], ["error-head", ERROR_COLUMNS], ["config-head", CONFIG_COLUMNS]]) head(id, columns);
byId("filter").addEventListener("input", () => order(true));
byId("state").addEventListener("change", () => { order(true); press(); });
byId("csv").addEventListener("click", async () => {
  const answer = await fetch("/api/tables?format=csv", { headers: headers() });
  const link = element("a");
  link.href = URL.createObjectURL(await answer.blob()); link.download = "tables.csv"; link.click();
  URL.revokeObjectURL(link.href);
});
byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", byId("token").value);
  byId("login").hidden = true;
  lists().catch(() => {});
  wake();
});
window.addEventListener("hashchange", view);
setInterval(() => {
  const age = Math.round((Date.now() - last) / 1000);
  set(byId("pill"), !last ? "no connection" : age > 3 ? `figures are ${age} s old` : "live");
}, 1000);
setInterval(() => { if (!document.hidden) lists().catch(() => {}); }, 3000);
view(); order(true); lists().catch(() => {}); run();
