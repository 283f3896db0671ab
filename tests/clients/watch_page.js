// Watches the proxy's page in a browser while a load runs, as a person would: what is said, at which widths and
// in which colours, by keyboard, and for a screen reader (axe-core). Says on stdout how far it has come, so that
// the load goes on; fails with what is wrong.
//
// node watch_page.js URL TOKEN FOLDER: the pictures go into FOLDER, for a person to look at.
const fs = require("fs");
const path = require("path");

const modules = path.join(__dirname, "../.setup/page/node_modules");
const { chromium } = require(path.join(modules, "playwright-core"));
const axe = fs.readFileSync(path.join(modules, "axe-core/axe.min.js"), "utf8");
const [url, token, folder] = process.argv.slice(2);
const outside = [], complaints = [];

function check(holds, what) {
  if (!holds) throw new Error(what);
}

async function open(browser, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on("request", (request) => {
    const to = request.url();
    if (!to.startsWith(url) && !to.startsWith("data:") && !to.startsWith("blob:")) outside.push(to);
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  // A 401 is what shows the field for the token.
  page.on("console", (line) => line.type() === "error" && !line.text().includes("401") && complaints.push(line.text()));
  return page;
}

// The policy of the page refuses scripts of others, so axe comes by the debugger.
async function accessible(page, where) {
  const session = await page.context().newCDPSession(page);
  const run = async (expression) => {
    const answer = await session.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (answer.exceptionDetails) throw new Error(JSON.stringify(answer.exceptionDetails));
    return answer.result.value;
  };
  await run(axe + "; undefined");
  const found = await run("axe.run(document, { resultTypes: ['violations'] }).then((all) => JSON.stringify(all.violations.map((it) => [it.id, it.nodes.map((node) => node.html)])))");
  check(found === "[]", `${where}: ${found}`);
  await session.detach();
}

async function fits(page, where) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(wide <= 0, `${where}: the page is ${wide} pixels wider than the window`);
}

async function picture(page, name) {
  await accessible(page, name);
  await fits(page, name);
  await page.screenshot({ path: path.join(folder, name + ".png") });
}

const row = (page, name) => page.locator("#table-rows tr", { has: page.getByRole("button", { name, exact: true }) });

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  const page = await open(browser, { viewport: { width: 1280, height: 800 }, colorScheme: "light" });
  await page.goto(url);
  await page.getByLabel("Token").fill(token);
  await accessible(page, "token");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByText("live", { exact: true }).waitFor();
  await page.getByText("Nothing has come through yet", { exact: false }).waitFor();
  await picture(page, "empty");
  console.log("empty");

  for (const name of ["public.one", "public.two", "public.three"]) await row(page, name).waitFor();
  await row(page, "public.two").getByText("loading", { exact: true }).waitFor();
  await page.mouse.move(0, 0);
  await picture(page, "loading");
  // Sorted and filtered by keyboard.
  await page.getByRole("button", { name: "Full load rows" }).focus();
  await page.keyboard.press("Enter");
  await page.locator("th[aria-sort=descending]", { hasText: "Full load rows" }).waitFor();
  await page.getByLabel("Filter").fill("*.two");
  await page.getByText("1 shown", { exact: true }).waitFor();
  await page.getByLabel("Filter").fill("");
  await page.getByText("3 shown", { exact: true }).waitFor();
  console.log("loading");

  await row(page, "public.three").getByText("error", { exact: true }).waitFor();
  await page.locator("#error-rows tr", { hasText: "division_by_zero" }).waitFor();
  await page.locator("#change-rows tr", { hasText: "public.one" }).waitFor();
  await page.locator("#config-rows tr", { hasText: "admin.token_file" }).waitFor();
  await page.locator("#times svg[role=img]").first().waitFor();
  await picture(page, "errors");
  await page.screenshot({ path: path.join(folder, "whole.png"), fullPage: true });
  await row(page, "public.one").getByRole("button", { name: "public.one" }).click();
  await page.locator("#detail h3", { hasText: "What was changed" }).waitFor();
  await picture(page, "detail");
  await page.keyboard.press("Escape");
  // Rows are texts, whatever tables are called.
  check(await page.locator("#table-rows b").count() === 0, "a name became markup");
  const kill = page.locator("#session-rows tr", { hasText: "idle in transaction" }).getByRole("button", { name: /Kill session/ });
  const asked = new Promise((go) => page.once("dialog", (dialog) => { go(dialog.message()); dialog.accept(); }));
  await kill.click();
  check((await asked).includes("rolled back"), "killing was not asked about");
  await page.locator("#session-rows tr", { hasText: "idle in transaction" }).waitFor({ state: "detached" });

  for (const [name, options] of [
    ["dark", { viewport: { width: 1280, height: 800 }, colorScheme: "dark" }],
    ["phone", { viewport: { width: 390, height: 844 }, colorScheme: "light", hasTouch: true }],
    ["phone-dark", { viewport: { width: 390, height: 844 }, colorScheme: "dark", reducedMotion: "reduce" }],
    ["narrow", { viewport: { width: 320, height: 640 }, colorScheme: "light" }],
    // What zoom makes of a window.
    ["zoom", { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2, colorScheme: "light" }],
  ]) {
    const other = await open(browser, options);
    await other.addInitScript((token) => sessionStorage.setItem("token", token), token);
    await other.goto(url + "/#tables");
    await other.getByText("live", { exact: true }).waitFor();
    await row(other, "public.one").waitFor();
    await picture(other, name);
    if (name === "phone") {
      for (const view of ["sessions", "changes", "keys", "errors", "proxy"]) {
        await other.locator(`nav a[href="#${view}"]`).click();
        await other.locator(`#${view}`).waitFor();
        check(!(await other.locator("#tables").isVisible()), "the tables are still there");
        await picture(other, "phone-" + view);
      }
      const sizes = await other.locator("button:visible, input:visible, select:visible, nav a:visible").evaluateAll((all) =>
        all.map((it) => it.getBoundingClientRect()).filter((box) => box.height < 44).length);
      check(sizes === 0, `${sizes} targets are lower than 44 pixels`);
    }
    await other.context().close();
  }
  await browser.close();
  check(outside.length === 0, `requests to others: ${outside}`);
  check(complaints.length === 0, `the console says: ${complaints.join("\n")}`);
  console.log("seen");
}

main().catch((error) => { console.error(error); process.exit(1); });
