"use strict";
// Shows the frames of /events. A frame is true at the instant it was drawn; from then on every age on this page grows by
// this browser's own clock, ten times a second, whether or not another frame comes: nothing here can look fresh by standing still.

const LOST_AFTER_S = 1.5, STILL_AFTER_S = 2, REDRAW_MS = 100, BANNERS_MAX = 3, ET = "America/New_York";
const YEARLY_PERCENT = Math.sqrt(252 * 6.5 * 3600) / 1e4;   // from parts per million and root second, trading hours only
const $ = (id) => document.getElementById(id);
let frame = null, receivedAt = 0, movedAt = 0, lastMono = 0, stopping = false, everOpen = false;
const openedAt = performance.now();
const living = new Map();               // element -> function of the seconds since the frame, painted ten times a second

const stillFor = () => (performance.now() - movedAt) / 1000;
const lostNow = () => frame != null && (elapsed() > LOST_AFTER_S || stillFor() > STILL_AFTER_S);
const elapsed = () => (performance.now() - receivedAt) / 1000;
const clock = (zone) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const clocks = { et: clock(ET), utc: clock("UTC") };
const at = (ns, zone) => (ns == null ? "-" : clocks[zone].format(new Date(ns / 1e6)));

// --- words -----------------------------------------------------------------------------------------------------------
const cents = (p) => { if (p == null) return "-"; const t = (p / 100).toFixed(2); return t.endsWith("0") ? t.slice(0, -1) : t; };
const count = (c) => (c == null ? "-" : (c / 100).toLocaleString("en-US", { maximumFractionDigits: 2 }));
const points = (v) => (v == null ? "-" : (v / 1e6).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 }));
const strike = (v) => (v / 1e6).toLocaleString("en-US", { maximumFractionDigits: 2 });
const cash = (c) => { if (c == null) return "-"; const d = (Math.abs(c) / 1e6).toFixed(2); return (c < 0 ? "\u2212$" : "$") + d.replace(/\B(?=(\d{3})+(?!\d))/g, ","); };
function ageText(s) {
  if (s == null) return "never seen";
  if (s < 10) return s.toFixed(2) + " s";
  if (s < 120) return s.toFixed(1) + " s";
  return s < 7200 ? Math.floor(s / 60) + " min" : (s / 3600).toFixed(1) + " h";
}
function span(s) {                       // 298.24 -> ["04:58", ".2"]; always cut, never rounded up: 0 means zero
  const sign = s < 0 ? "\u2212" : "", tenths = s < 0 ? Math.ceil(-s * 10) : Math.floor(s * 10);
  const whole = Math.floor(tenths / 10), h = Math.floor(whole / 3600), two = (n) => String(n).padStart(2, "0");
  const text = (h ? h + ":" : "") + two(Math.floor(whole / 60) % 60) + ":" + two(whole % 60);
  return [sign + text, "." + (tenths % 10)];
}

// --- building without markup from outside: text goes in as text ------------------------------------------------------------
function put(node, text) { if (node.textContent !== text) node.textContent = text; return node; }
function cls(node, name) { if (node.className !== name) node.className = name; return node; }
function el(tag, name, ...inside) { const n = document.createElement(tag); if (name) n.className = name; n.append(...inside); return n; }
function live(node, paint) { living.set(node, paint); paint(node, elapsed()); return node; }
function liveAge(node, ageS) { return live(node, (n, more) => put(n, ageText(ageS == null ? null : ageS + more))); }
function keyed(parent, items, key, make, paint) {      // keep rows across frames, so that a selection or a scroll survives
  const kept = new Map([...parent.children].map((n) => [n.dataset.key, n]));
  items.forEach((item, i) => {
    const k = key(item, i);
    let node = kept.get(k);
    if (!node) { node = make(item); node.dataset.key = k; }
    kept.delete(k);
    if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] || null);
    paint(node, item);
  });
  for (const node of kept.values()) { for (const n of [node, ...node.querySelectorAll("*")]) living.delete(n); node.remove(); }
}
const row = (columns) => () => el("tr", "", ...columns.map((c) => el("td", c)));
function rows(table, items, key, columns, paint, none) {
  const body = table.tBodies[0];
  if (items.length) keyed(body, items, key, row(columns), (tr, item) => paint(tr.children, item, tr));
  else keyed(body, [0], () => "none", () => { const td = el("td", "none", none); td.colSpan = Math.max(columns.length, 1); return el("tr", "", td); }, () => {});
}
function pairs(list, items) {            // [term, text or painter, class]
  keyed(list, items.flatMap(([t, v, c]) => [["dt", t, t], ["dd", t, v, c]]), ([tag, t]) => tag + t, ([tag]) => el(tag), (n, [tag, , v, c]) => {
    if (tag === "dt") { put(n, v); return; }
    cls(n, c || "");
    if (typeof v === "function") v(n); else put(n, v);
  });
}

// --- reasons in words: the sentence, what to do, and a link to the runbook ---------------------------------------------------
const say = (code) => { const a = frame.advice[code]; return a ? a.sentence : code; };
function paintAdvice(node, code, detail) {   // <span>sentence (detail)</span> <small>what to do</small> <a>runbook</a>
  if (!node.children.length) node.append(el("span"), el("small", "todo"), el("a", "", "runbook"));
  const a = frame.advice[code], [what, todo, link] = node.children;
  put(what, [say(code), detail].filter(Boolean).join(": ")); put(todo, a ? "\u2192 " + a.todo : "");
  link.hidden = !a; if (a && link.dataset.to !== a.runbook) { link.href = "/docs/" + a.runbook; link.target = "_blank"; link.dataset.to = a.runbook; }
  node.title = code;
}

// --- the parts -------------------------------------------------------------------------------------------------------
const PHASE = { closed: "off", preflight: "warn", quoting: "good", strict: "warn", flattening: "bad", frozen: "cool" };
const PERMIT = { "MAY QUOTE": "good", WAITING: "cool", "NOT READY": "bad" };
const VOTE = { PASS: ["good", "\u2713 PASS"], FAIL: ["bad", "\u2715 FAIL"], UNKNOWN: ["warn", "? UNKNOWN"], NOT_CONFIGURED: ["off", "\u2013 NOT SET"] };
const PASSING = new Set(["PASS", "NOT_CONFIGURED"]);
const vote = (status) => VOTE[status] || VOTE.UNKNOWN;

function makeWindow() {
  const card = el("article", "card window");
  card.append(
    el("div", "head", el("b"), el("span", "phase"), el("span", "label"), el("span", "may")),
    el("div", "", el("div", "countdown", el("span"), el("span", "tenth")), el("div", "until")),
    el("dl", "facts"), el("div", "track", el("span", "q"), el("span", "s"), el("span", "f"), el("span", "needle")), el("div", "why"));
  return card;
}
function nextEdge(v, utcNs) {            // what the big number counts towards
  if (v.seconds_to_freeze != null && v.phase !== "closed") return [v.freeze_ns, "to freeze: the exchange's list must read zero"];
  if (v.opens_ns != null && v.opens_ns > utcNs) return [v.opens_ns, "until the next window opens"];
  return [null, "no window today any more"];
}
function paintWindow(card, v) {
  const [head, left, facts, track, why] = card.children, now = frame.picture.now[1];
  const shut = (v.phase === "quoting" || v.phase === "strict") && !v.open;  // green is for what may quote, not for what could
  const tone = shut ? "warn" : PHASE[v.phase];
  cls(card, "card window " + (shut ? "strict" : v.phase));
  put(head.children[0], v.name); cls(put(head.children[1], v.phase + (shut ? " window" : "")), "phase " + (tone || "warn"));  // shut: the window is, we are not
  put(head.children[2], v.window ? `${v.window} \u00b7 target ${at(v.target_ns, "et")} ET` : "no window");
  const may = PERMIT[v.permission] || "bad";
  cls(put(head.children[3], v.permission), "may " + may);
  const [edge, text] = nextEdge(v, now);
  put(left.children[1], v.phase === "frozen" ? "since the freeze; the next window follows" : text);
  live(left.children[0], (n, more) => {
    const [big, tenth] = edge == null ? ["--:--", ""] : span((edge - now) / 1e9 - more);
    put(n.children[0], big); put(n.children[1], tenth);
    cls(n, "countdown num " + (tone || ""));
  });
  const f = v.freshness, limit = f.limit_ms / 1000, age = f.age_ms == null ? null : f.age_ms / 1000;
  pairs(facts, [
    [v.symbol, points(v.index_value)],
    ["age", (n) => {
      if (!n.children.length) n.replaceChildren(el("span"), el("span", "meter", el("i")));
      live(n, (_, more) => {
        const a = age == null ? null : age + more, part = a == null ? 1 : a / limit, c = a == null || part > 1 ? "bad" : part > 0.7 ? "warn" : "good";
        cls(put(n.children[0], a == null ? `never seen, limit ${limit.toFixed(2)} s` : `${ageText(a)} of ${limit.toFixed(2)} s`), a == null || part > 1 ? "bad" : "");
        cls(n.children[1], "meter " + c); n.children[1].firstChild.style.width = Math.min(100, part * 100) + "%";
      });
    }],
    ["feed", `${v.active_feed || "none"}, ${f.ok ? "fresh" : f.fresh ? "not to be used" : "STALE"} by ${f.basis}` + (f.cadence_ms == null ? "" : `, every ${(f.cadence_ms / 1000).toFixed(2)} s`)],
    ["volatility", v.volatility_ppm == null ? "unknown" : `${v.volatility_ppm} ppm/\u221as, ${(v.volatility_ppm * YEARLY_PERCENT).toFixed(1)} % a year`, v.volatility_ppm == null ? "warn" : ""],
    ["trips", String(v.trips), v.trips ? "warn" : ""],
    ["fees", v.fee_path.split("/").slice(-2).join("/") || "unknown", v.fee_path ? "" : "warn"],
  ]);
  paintTrack(track, v, now);
  cls(put(why, v.reasons.length ? "why not: " + v.reasons.map(say).join("; ") : idle(v)), "why " + (v.reasons.length ? may : "warn"));
}
const BEYOND = new Set(["far_from_money", "others_nearer"]);
function idle(v) {                       // open, and still nothing rests: the commonest reason of the rungs that might be quoted, in words
  if (!v.open || frame.picture.orders.some((o) => o.series === v.name)) return "";
  const rungs = frame.picture.ladder.filter((r) => r.series === v.name), seen = new Map();
  for (const r of rungs) for (const w of [r.why_bid, r.why_ask]) if (w) seen.set(w, (seen.get(w) || 0) + 1);
  const [most] = [...seen].sort((a, b) => BEYOND.has(a[0]) - BEYOND.has(b[0]) || b[1] - a[1])[0] || [];
  return most ? "nothing rests: " + (frame.rung_advice[most] || ["", most])[1] : "";
}
function paintTrack(track, v, now) {
  track.hidden = v.opens_ns == null || v.target_ns == null;
  if (track.hidden) return;
  const full = v.target_ns - v.opens_ns, part = (ns) => Math.max(0, Math.min(100, (ns - v.opens_ns) / full * 100));
  const [q, s, f, needle] = track.children, flatten = v.flatten_ns ?? v.freeze_ns, bar = (n, a, b) => { n.style.left = part(a) + "%"; n.style.width = part(b) - part(a) + "%"; };
  bar(q, v.opens_ns, v.strict_ns); bar(s, v.strict_ns, flatten); bar(f, flatten, v.target_ns);
  live(needle, (n, more) => { n.style.left = part(now + more * 1e9) + "%"; });
}

function makeLadder() {
  const table = el("table", "ladder");
  table.append(el("thead", "", el("tr", "", ...[["Strike", ""], ["Fair", "r"], ["Bid", "r"], ["Ask", "r"], ["Our bid", "r"], ["Our ask", "r"], ["Pos", "r"], ["Not quoted", ""], ["fair \u00b1 10", "graph"]]
    .map(([t, c]) => el("th", c, t)))), el("tbody"));
  return el("section", "card", el("h2"), el("div", "scroll", table));
}
function paintLadder(card, [name, rungs]) {
  const series = frame.picture.series.find((s) => s.name === name), index = series ? series.index_value : null;
  put(card.children[0], `${name} ladder, cents a contract`);
  const above = rungs.filter((r) => index != null && r.strike > index), spot = above.length && above.length < rungs.length ? above[above.length - 1].ticker : null;
  rows(card.querySelector("table"), rungs, (r) => r.ticker, ["", "r", "r", "r", "r mine bidc", "r mine askc", "r", "unquoted", "graph"], (td, r, tr) => {
    const below = spot && rungs[rungs.findIndex((x) => x.ticker === spot) + 1] === r;
    cls(tr, (r.our_bid != null || r.our_ask != null ? "ours " : "") + (below ? "spot" : "")); tr.title = r.ticker;
    put(td[0], strike(r.strike)); put(td[1], cents(r.fair));
    for (const [cell, price, n] of [[td[2], r.bid, r.bid_count], [td[3], r.ask, r.ask_count]]) {
      if (cell.children.length < 2) cell.replaceChildren(el("small", "depth"), el("span"));
      put(cell.children[0], price == null ? "" : count(n) + " \u00d7 "); put(cell.children[1], cents(price));
    }
    put(td[4], r.our_bid == null ? "" : cents(r.our_bid)); put(td[5], r.our_ask == null ? "" : cents(r.our_ask));
    cls(put(td[6], r.position ? count(r.position) : ""), "r " + (r.position < 0 ? "askc" : "bidc"));
    const words = [r.why_bid, r.why_ask].map((w) => (frame.rung_advice[w] || ["", ""])), [bid, ask] = words;
    put(td[7], bid[0] === ask[0] ? bid[0] : [bid[0] && "bid " + bid[0], ask[0] && "ask " + ask[0]].filter(Boolean).join(", "));
    td[7].title = [...new Set(words.map((w) => w[1]).filter(Boolean))].join("; ");
    paintGraph(td[8], r);
  }, "the markets of this window are not listed yet");
}
const GRAPH_HALF = 1000;                 // ten cents to either side of the fair value
function paintGraph(td, r) {
  if (!td.children.length) td.append(el("div", "", el("span", "spread"), el("span", "fair"), el("span", "ob"), el("span", "oa")));
  const [spread, fair, ob, oa] = td.firstChild.children, centre = r.fair ?? ((r.bid ?? 0) + (r.ask ?? 10000)) / 2;
  const x = (p) => Math.max(0, Math.min(100, 50 + (p - centre) / GRAPH_HALF * 50)), left = x(r.bid ?? 0);
  spread.style.left = left + "%"; spread.style.width = x(r.ask ?? 10000) - left + "%";
  for (const [n, p] of [[ob, r.our_bid], [oa, r.our_ask], [fair, r.fair]]) { n.hidden = p == null; if (p != null) n.style.left = x(p) + "%"; }
}

function paintOrders(p) {
  put($("orders-count"), String(p.orders.length));
  rows($("orders"), p.orders, (o) => o.client_order_id, ["", "", "r", "r", "", "r", "r", ""], (td, o, tr) => {
    tr.title = `${o.client_order_id} \u00b7 ${o.order_id || "no id yet"} \u00b7 group ${o.group_id || "none"}`;
    put(td[0], o.series); cls(put(td[1], o.side), o.side === "bid" ? "bidc" : "askc"); put(td[2], cents(o.price)); put(td[3], count(o.remaining));
    cls(put(td[4], o.state), o.state.toLowerCase() === "open" ? "" : "warn"); liveAge(td[5], o.age_ms / 1000); put(td[6], at(o.expiration_s * 1e9, "et")); put(td[7], o.ticker);
  }, "none");
  const none = $("orders").querySelector("td.none");   // "nothing rests" is said only when it is proven, and not by a page that has lost the daemon
  if (none) live(none, (n) => cls(put(n, lostNow() && document.body.classList.contains("ended") ? "none: that was proven when the daemon ended" : lostNow() ? "none when this page was last told; what rests now is not known" : p.flat.proven ? "none: nothing of ours rests at the exchange" : "none in our book, but " + p.flat.why), p.flat.proven ? "none" : "none warn"));
}
function paintHoldings(p) {
  put($("holdings-count"), String(p.holdings.length));
  const many = new Set(p.holdings.map((h) => h.target_ns)).size > 1;
  rows($("holdings"), p.holdings, (h) => h.ticker, ["", "r", "r", "r", "r", "r"], (td, h, tr) => {
    tr.title = `${h.ticker} \u00b7 fees ${cash(h.fees)}`;
    put(td[0], h.series + (many ? " " + at(h.target_ns, "et").slice(0, 5) : "")); put(td[1], h.strike == null ? "?" : strike(h.strike));
    cls(put(td[2], (h.count > 0 ? "+" : "\u2212") + count(Math.abs(h.count))), "r " + (h.count < 0 ? "askc" : "bidc")); put(td[3], cents(h.average));
    cls(put(td[4], h.marked == null ? "waits" : cash(h.marked)), "r " + (h.marked == null ? "off" : h.marked < 0 ? "bad" : "good")); put(td[5], cash(h.worst_loss));
  }, "none: no contract is held");
  pairs($("exposures"), p.exposures.filter((e) => e.markets).map((e) => [e.series,
    `net ${count(e.net)} gross ${count(e.gross)}, worst ${cash(e.worst_loss)}` + (e.unmarked ? `, ${e.unmarked} unsettled` : "")]));
}
function paintWindows(p) {
  rows($("windows"), [...p.windows].sort((a, b) => b.target_ns - a.target_ns || a.series.localeCompare(b.series)), (w) => w.label + w.series + w.target_ns, ["", "", "", "r", "r", "r", "r", "", ""], (td, w) => {
    put(td[0], w.label); put(td[1], w.series); put(td[2], at(w.target_ns, "et")); put(td[3], String(w.quotes)); put(td[4], String(w.fills));
    cls(put(td[5], String(w.trips)), "r " + (w.trips ? "warn" : "")); cls(put(td[6], cash(w.pnl)), "r " + (w.pnl == null ? "" : w.pnl < 0 ? "bad" : "good"));
    const open = w.target_ns > p.now[1];
    cls(put(td[7], w.settled ? "settled" : open ? "running" : "waiting"), w.settled ? "" : open ? "good" : "warn");
    const path = w.report;  // below reports/, as the report job writes it
    if (!path) put(td[8], "-");
    else if (td[8].dataset.path !== path) {
      const a = el("a", "", path.split("/").pop()); a.href = "/reports/" + path.split("/").map(encodeURIComponent).join("/");
      td[8].replaceChildren(a); td[8].dataset.path = path;
    }
  }, "none finished yet");
}
function gathered(gates, seriesCount) {  // gates that say the same share a row, and their details stand together
  const alike = new Map();
  for (const g of gates) {
    const said = [g.name, g.status, g.reason, g.waits].join("\n"), first = alike.get(said);
    if (!first) alike.set(said, { ...g, all: [g.series] });
    else { first.all.push(g.series); if (!first.detail.split("; ").includes(g.detail)) first.detail += "; " + g.detail; }
  }
  return [...alike.values()].map((g) => ({ ...g, series: g.all.length >= seriesCount && g.all[0] ? "" : g.all.join(" \u00b7 ") }));
}
function paintGates(p) {
  const against = p.gates.filter((g) => !PASSING.has(g.status)), holds = against.filter((g) => !g.waits), others = p.gates.filter((g) => PASSING.has(g.status));
  const text = !p.gates.length ? "none known" : holds.length ? `${holds.length} against` : against.length ? `${against.length} wait` : "all pass";
  cls(put($("gates-count"), text), "count " + (holds.length || !p.gates.length ? "bad" : against.length ? "cool" : "good"));
  rows($("gates"), gathered([...holds, ...against.filter((g) => g.waits)], p.series.length), (g) => g.name + "/" + g.series, ["", "wrap"], (td, g) => {
    const [c, word] = g.waits ? ["cool", "\u231b WAITS"] : vote(g.status);
    if (!td[1].children.length) td[1].append(el("b"), el("div", "advice"));
    cls(put(td[0], word), c); put(td[1].children[0], g.name + (g.series ? " " + g.series : ""));
    paintAdvice(td[1].children[1], g.reason, g.detail);
  }, p.gates.length ? "none against" : "no gate has voted: nothing may be quoted");
  put($("passing-count"), `${others.length} pass or are not set`);
  rows($("passing"), gathered(others, p.series.length), (g) => g.name + "/" + g.series, ["", "wrap"], (td, g) => {
    const [c, word] = vote(g.status);
    cls(put(td[0], word), c); put(td[1], g.name + (g.series ? " " + g.series : "") + (g.detail ? ": " + g.detail : ""));
  }, "none");
}
function paintMoney(p) {
  const sign = (c) => (c < 0 ? "bad" : c > 0 ? "good" : ""), used = p.day_loss_limit ? p.day_loss_used / p.day_loss_limit : 1;
  pairs($("money"), [
    ["realised", cash(p.realised), sign(p.realised)], ["unrealised", cash(p.unrealised), sign(p.unrealised)], ["fees", cash(p.fees)],
    ["loss today", cash(p.day_loss_realised), p.day_loss_realised ? "bad" : ""], ["worst case", cash(p.day_loss_used - p.day_loss_realised)],
    ["limit", cash(p.day_loss_limit), used > 0.8 ? "bad" : used > 0.5 ? "warn" : ""],
  ]);
}
function paintLimits(p) {
  const near = (l) => (l.share_ppm >= 1e6 ? "bad" : l.share_ppm >= 8e5 ? "warn" : ""), close = p.limits.filter(near);
  cls(put($("limits-count"), p.limits.length ? `${p.limits.length} limits, ${close.length} of them over 80 % used` : "limits: equity not read yet"), close.length ? near(close[0]) : "");
  rows($("limits"), p.limits, (l) => l.name, ["wrap", "r", "r"], (td, l, tr) => {
    tr.title = l.words;
    put(td[0], l.name.replaceAll("_", " ")); cls(put(td[1], l.used), "r " + near(l)); put(td[2], l.most);
  }, "not known");
}
function paintCancel(p) {
  const c = p.cancel_all;
  pairs($("cancel"), [
    ["now", (n) => live(n, (_, more) => {
      const tail = c.tail_s - more;
      cls(put(n, c.active ? "UNDER WAY" : tail > 0 ? `done; no places for ${Math.ceil(tail)} s` : "idle"), c.active ? "bad" : tail > 0 ? "warn" : "good");
    })],
    ...(c.reason ? [["reason", say(c.reason)]] : []),
    ["last time to flat", c.last_time_to_flat_ms == null ? "not measured yet" : c.last_time_to_flat_ms.toFixed(0) + " ms"],
    ["done in this run", String(c.completed)],
    ["write tokens", `${p.budget.tokens.toFixed(0)} of ${p.budget.capacity.toFixed(0)}, ${p.budget.reserve.toFixed(0)} kept for cancels`, p.budget.tokens < p.budget.reserve ? "bad" : ""],
  ]);
}
function paintFeeds(p) {
  rows($("feeds"), p.feeds, (f) => f.name, ["", "", "wrap r"], (td, f, tr) => {
    tr.title = f.host;
    put(td[0], (f.active ? "\u25b6 " : "") + f.name); cls(put(td[1], f.state + (f.reason ? ": " + f.reason : "") + (f.set_aside ? "; set aside: " + f.set_aside : "")), f.state === "live" ? "good" : f.active ? "bad" : "off");
    live(td[2], (n, more) => put(n, Object.entries(f.ages_ms).map(([s, a]) => `${s.replace("I:", "")} ${ageText(a == null ? null : a / 1000 + more)}`).join(" \u00b7 ")));
  }, "no feed");
}
function paintDaemon(p) {
  const tasks = frame.tasks.map((t) => [t.name, (n) => live(n, (_, more) => {
    const age = t.age_s + more;
    cls(put(n, `${ageText(age)} of ${t.limit_s} s`), age > t.limit_s ? "bad" : "");
  })]);
  const ms = (v) => (v == null ? "unknown" : v.toFixed(1) + " ms");
  const stuck = frame.tasks.filter((t) => t.age_s > t.limit_s).map((t) => t.name), shut = p.breakers.filter((b) => b.tripped).map((b) => b.name), off = p.clock_offset_ms == null;
  pairs($("daemon"), [
    ["exchange", (p.exchange_up ? "open" : "NOT OPEN") + ", its stream " + (p.stream_up ? "up" : "DOWN"), p.exchange_up && p.stream_up ? "good" : "bad"],
    ["books agree", (n) => live(n, (_, more) => cls(put(n, (p.reconciled ? "yes, " : "NO, ") + ageText(p.reconcile_age_s == null ? null : p.reconcile_age_s + more)), p.reconciled ? "" : "bad"))],
    ["I:VIX", (n) => live(n, (_, more) => {
      const v = p.vix, share = v.factor_ppm / 1e6, at = v.value == null ? v.why : `${(v.value / 1e6).toFixed(2)}, ${v.band}, ${ageText(v.age_s + more)}`;
      cls(put(n, v.band === "not_configured" ? "not configured" : `${at}; size \u00d7 ${share}`), v.band === "not_configured" ? "off" : share === 1 ? "" : share ? "warn" : "bad");
    })],
    ["breakers", shut.length ? "TRIPPED: " + shut.join(", ") : p.breaker_warning || "none tripped", shut.length ? "bad" : p.breaker_warning ? "warn" : ""],
    ["clock", off ? "unknown" : `${ms(p.clock_offset_ms)} \u00b1 ${ms(p.clock_uncertainty_ms)}`, off ? "warn" : ""],
    ["tasks", stuck.length ? "STUCK: " + stuck.join(", ") : `all ${frame.tasks.length} make progress`, stuck.length ? "bad" : "good"],
    ["errors", String(p.errors), p.errors ? "bad" : ""],
  ]);
  pairs($("daemon-more"), [...tasks, ["step", String(p.seq)], ["process", String(p.pid)], ["run", p.run_id], ["build", p.build_id], ["configuration", p.config_hash.slice(0, 12)]]);
}
function paintHead(p) {
  cls(put($("mode"), p.mode), "badge " + p.mode);
  const r = frame.readiness, some = r.held.length && r.held.length < p.series.length;
  cls(put($("ready"), r.verdict + (some ? ": " + r.held.join(", ") : "")), "verdict " + (PERMIT[r.verdict] || "bad"));
  const calm = frame.state === "OK" || frame.state === "MARKET_CLOSED";   // the process and its data, not permission: green only where nothing is against
  cls(put($("state"), (calm ? "process " : "") + frame.state + (frame.reasons.length ? " " + frame.reasons.join(" ") : "")), "verdict " + (calm ? (r.ready && frame.state === "OK" ? "good" : "off") : frame.state === "DEGRADED" ? "warn" : "bad"));
  put($("flags"), frame.healthy ? "" : "A TASK IS STUCK");
  $("flags").className = "bad";
  const troubles = [];
  if (p.kill_switch) troubles.push(["bad", "KILL SWITCH ON", p.kill_reason || "no reason given", "kill_switch_engaged"]);
  if (p.stopping) troubles.push(["", "THE DAEMON IS STOPPING", p.flat.proven ? "flat proven" : p.flat.why, "shutdown"]);
  else if (p.cancel_all.active) troubles.push(["bad", "CANCEL-ALL UNDER WAY", `${say(p.cancel_all.reason)}; ${p.flat.why || "flat proven"}`, "cancel_all_active"]);
  if (p.paused) troubles.push(["", "PAUSED", p.pause_reason, "paused"]);
  if (p.orders_wait) troubles.push(["", "NEW ORDERS WAIT", p.orders_wait, ""]);
  if (p.close_out) troubles.push(["", "POSITIONS CLOSED BY HAND", p.close_out, ""]);
  if (!p.armed) troubles.push(["", "NOT ARMED", "", "not_armed"]);
  if (!p.market_hours) troubles.push(["cool", "MARKET CLOSED", "nothing to quote until the index is published again", ""]);
  const told = new Set(["kill_switch_engaged", "paused", "shutdown", "cancel_all_active", "not_armed"].concat(p.cancel_all.active ? [p.cancel_all.reason] : []));
  const more = new Map();                // every other vote that holds: a banner too, so that NOT READY is never without its reason
  if (troubles.length) told.add("cancel_all_tail");
  for (const g of r.against) if (!r.ready && !told.has(g.reason) && g.name !== "flat") more.set(g.reason, [...(more.get(g.reason) || []), g]);
  for (const [code, gs] of [...more].slice(0, BANNERS_MAX)) troubles.push(["bad", "NOT READY" + (gs[0].series ? " " + gs.map((g) => g.series).join(", ") : ""), gs[0].detail, code]);
  keyed($("trouble"), troubles, (t) => t[1] + t[3], () => el("div", "", el("b"), el("span"), el("span", "advice")), (n, [c, what, why, code]) => {
    cls(n, "banner " + c); put(n.children[0], what + " "); put(n.children[1], why ? why + " \u2014 " : "");
    if (code) paintAdvice(n.children[2], code, "");
  });
}

// --- life ------------------------------------------------------------------------------------------------------------
function paint() {
  const p = frame.picture;
  paintHead(p);
  keyed($("series"), p.series, (v) => v.name, makeWindow, paintWindow);
  const ladders = p.series.map((v) => [v.name, p.ladder.filter((r) => r.series === v.name).sort((a, b) => b.strike - a.strike)]);
  keyed($("ladders"), ladders, ([name]) => name, makeLadder, paintLadder);
  paintOrders(p); paintHoldings(p); paintWindows(p); paintGates(p); paintMoney(p); paintLimits(p); paintCancel(p); paintFeeds(p); paintDaemon(p);
}
function redraw() {
  const now = performance.now(), more = frame ? elapsed() : (now - openedAt) / 1000, still = frame ? stillFor() : 0;
  const lost = more > LOST_AFTER_S, stuck = !lost && still > STILL_AFTER_S;
  const ended = stopping && frame && frame.picture.stopping, clean = ended && frame.picture.flat.proven;
  document.body.className = lost || stuck ? (clean ? "lost ended" : "lost") : frame ? "" : "waiting";
  cls($("lost"), clean ? "banner cool" : "banner bad");
  $("lost").hidden = !(lost || stuck);
  put($("lost-what"), clean ? "STOPPED, FLAT PROVEN" : stopping ? "THE DAEMON HAS STOPPED, NOT PROVEN FLAT" : stuck ? "THE DAEMON STANDS STILL" : frame ? "CONNECTION LOST" : everOpen ? "NO FIGURES YET" : "NO CONNECTION");
  put($("lost-age"), ageText(stuck ? still : more) + " ago;");
  put($("lost-hint"), clean ? "the daemon ended in order; nothing of ours rested at the exchange when it ended" : !frame ? "waiting for the daemon"
    : "everything below is old. In a terminal: ladderd health, and if in doubt ladderd cancel-all --reason WHY");
  put($("link-age"), frame ? ageText(more) : "-");
  if (frame) {
    const utcMs = frame.picture.now[1] / 1e6 + more * 1000;
    put($("clock-et"), clocks.et.format(utcMs)); put($("clock-utc"), clocks.utc.format(utcMs));
    for (const [node, tick] of living) tick(node, more);
    const soon = frame.picture.series.filter((v) => v.seconds_to_freeze != null).map((v) => v.seconds_to_freeze - more);
    document.title = clean && lost ? "stopped - ladderd" : lost || stuck ? "!! LOST - ladderd" : (soon.length ? span(Math.min(...soon))[0] + " " : "") + frame.readiness.verdict + " - ladderd";
  }
}
function listen() {
  const source = new EventSource("/events");
  source.onopen = () => { everOpen = true; };
  source.onmessage = (event) => {
    frame = JSON.parse(event.data); receivedAt = performance.now(); stopping = false;
    if (frame.picture.now[0] !== lastMono) { lastMono = frame.picture.now[0]; movedAt = receivedAt; }
    paint(); redraw();
  };
  source.addEventListener("stopping", () => { stopping = true; });
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) setTimeout(listen, 1000); };
}
setInterval(redraw, REDRAW_MS);
listen();
