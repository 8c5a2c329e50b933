// Line charts on a canvas: the mean of each band of steps, within the band from its lowest to its highest value.
"use strict";
(() => {
  const charts = [];
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dashes = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
  const short = (value) => {
    if (value === null || !isFinite(value)) return "none";
    const size = Math.abs(value);
    return size !== 0 && (size >= 1e6 || size < 1e-3) ? value.toExponential(2) : String(+value.toPrecision(4));
  };
  const whole = (value) => Math.round(value).toLocaleString("en");
  const view = () => new URL(location.href).searchParams;

  // TensorBoard's average on bands: a band of n points weighs as n points would.
  const smoothed = (one, weight) => {
    if (!weight) return one.mean;
    let sum = 0, past = 1;
    return one.mean.map((value, i) => {
      if (value === null) return null;
      const keep = Math.pow(weight, one.n ? one.n[i] : 1);
      sum = keep * sum + (1 - keep) * value;
      past *= keep;
      return sum / (1 - past);
    });
  };
  const steps = (low, high, most) => {
    const rough = (high - low) / most || 1;
    const size = Math.pow(10, Math.floor(Math.log10(rough)));
    const step = [1, 2, 5, 10].find((factor) => factor * size >= rough) * size;
    const out = [];
    for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) out.push(+at.toPrecision(12));
    return out;
  };

  class Chart {
    constructor(box) {
      this.box = box;
      this.canvas = document.createElement("canvas");
      this.legend = box.parentElement.querySelector(".legend");
      this.bad = this.legend.textContent;
      box.replaceChildren(this.canvas);
      this.data = null;
      this.mark = null;
      this.drag = null;
      new ResizeObserver(() => this.draw()).observe(box);
      this.listen();
    }

    // The range of the address, or the whole series.
    range() {
      const from = view().get("from"), to = view().get("to");
      const last = Math.max(1, ...this.data.series.map((one) => one.last || 0));
      return [from === null ? 0 : +from, to === null ? last : +to, from !== null || to !== null];
    }

    async load() {
      const address = new URL(this.box.dataset.source, location.href);
      for (const name of ["from", "to"]) {
        const value = view().get(name);
        if (value === null) address.searchParams.delete(name); else address.searchParams.set(name, value);
      }
      const isSame = this.address === address.href;
      try {
        const reply = await fetch(address, { headers: isSame && this.mark ? { "If-None-Match": this.mark } : {}, cache: "no-store" });
        if (reply.status === 304) return;
        if (!reply.ok) { this.legend.textContent = `no data: ${reply.status}`; return; }
        this.mark = reply.headers.get("ETag");
        this.address = address.href;
        this.data = await reply.json();
        const weight = +(view().get("smooth") || 0);
        for (const one of this.data.series) one.line = smoothed(one, weight);
        this.draw();
      } catch { /* the page says that the server is away */ }
    }

    draw(cursor = null) {
      const width = this.box.clientWidth, height = this.box.clientHeight;
      if (!this.data || !width) return;
      const scale = devicePixelRatio || 1;
      this.canvas.width = width * scale;
      this.canvas.height = height * scale;
      const g = this.canvas.getContext("2d");
      g.scale(scale, scale);
      g.font = "11px system-ui, sans-serif";
      const log = view().get("y") === "log";
      const [from, to] = this.range();
      const fits = (v) => v !== null && isFinite(v) && (!log || v > 0);
      let low = Infinity, high = -Infinity, lowX = Infinity, highX = -Infinity;
      for (const one of this.data.series) {
        for (let i = 0; i < one.x.length; i++) {
          if (one.x[i] > to || (one.to ? one.to[i] : one.x[i]) < from) continue;
          for (const v of [one.mean[i], one.low && one.low[i], one.high && one.high[i]]) {
            if (v !== undefined && fits(v)) { low = Math.min(low, v); high = Math.max(high, v); }
          }
        }
      }
      const ink = style("--faint"), rule = style("--rule");
      g.fillStyle = ink;
      if (low > high) { g.fillText("no values here", width / 2 - 40, height / 2); return; }
      const f = log ? Math.log10 : (v) => v;
      let [y0, y1] = [f(low), f(high)];
      const room = (y1 - y0 || Math.abs(y1) || 1) * 0.06;
      [y0, y1] = [y0 - room, y1 + room];
      const ticks = log
        ? steps(y0, y1, 5).filter((e) => y1 - y0 < 2 || Number.isInteger(e)).map((e) => Math.pow(10, e)) : steps(y0, y1, 5);
      const left = 10 + Math.max(24, ...ticks.map((v) => g.measureText(short(v)).width));
      const right = width - 8, top = 10, bottom = height - 20;
      [lowX, highX] = [from, Math.max(to, from + 1)];
      const x = (s) => left + (s - lowX) / (highX - lowX) * (right - left);
      const y = (v) => bottom - (f(v) - y0) / (y1 - y0) * (bottom - top);
      this.place = { left, right, lowX, highX };
      g.textAlign = "right";
      for (const v of ticks) {
        g.strokeStyle = rule;
        g.beginPath(); g.moveTo(left, y(v)); g.lineTo(right, y(v)); g.stroke();
        g.fillText(short(v), left - 6, y(v) + 4);
      }
      g.textAlign = "center";
      const marks = steps(lowX, highX, Math.max(2, width / 110)).filter((s) => Number.isInteger(s));
      for (const s of marks) g.fillText(whole(s), Math.min(x(s), right - 14), height - 5);
      g.save();
      g.beginPath(); g.rect(left, 0, right - left, bottom + 1); g.clip();
      const isMany = this.data.series.length > 20;
      this.data.series.forEach((one, k) => {
        const colour = style(`--c${k % 8}`);
        g.fillStyle = g.strokeStyle = colour;
        if (one.low && !isMany) {
          g.globalAlpha = 0.4;
          one.x.forEach((s, i) => {
            if (!fits(one.low[i]) || !fits(one.high[i])) return;
            const end = Math.max(x(one.to[i] + 1), x(s) + 1);
            g.fillRect(x(s), y(one.high[i]), end - x(s), Math.max(1, y(one.low[i]) - y(one.high[i])));
          });
        }
        const line = (values, alpha, dash) => {
          g.globalAlpha = alpha;
          g.lineWidth = isMany ? 0.8 : 1.5;
          g.setLineDash(dash);
          g.beginPath();
          let open = false, alone = null;
          one.x.forEach((s, i) => {
            const at = one.to ? (s + one.to[i]) / 2 : s;
            if (!fits(values[i])) { open = false; return; }
            if (open) { g.lineTo(x(at), y(values[i])); alone = null; } else { g.moveTo(x(at), y(values[i])); alone = [x(at), y(values[i])]; }
            open = true;
          });
          g.stroke();
          if (alone && one.x.length === 1) { g.beginPath(); g.arc(alone[0], alone[1], 3, 0, 7); g.fill(); }
        };
        if (one.line !== one.mean && !one.low) line(one.mean, 0.3, []);
        line(one.line, isMany ? 0.5 : 1, dashes[Math.floor(k / 8) % 4]);
        g.globalAlpha = 1;
        g.setLineDash([]);
        // Values that are not finite, at the top edge; borders of attempts, at the bottom.
        g.fillStyle = style("--red");
        one.x.forEach((s, i) => { if (one.bad[i] > 0) { g.beginPath(); g.moveTo(x(s) - 4, 1); g.lineTo(x(s) + 4, 1); g.lineTo(x(s), 8); g.fill(); } });
        g.strokeStyle = style("--amber");
        for (const border of one.borders) {
          g.setLineDash([3, 3]);
          g.beginPath(); g.moveTo(x(border.step), top); g.lineTo(x(border.step), bottom); g.stroke();
          g.setLineDash([]);
        }
      });
      if (isMany) this.median(g, x, y, fits);
      if (this.drag) {
        g.globalAlpha = 0.2;
        g.fillStyle = style("--blue");
        g.fillRect(Math.min(...this.drag), top, Math.abs(this.drag[1] - this.drag[0]), bottom - top);
        g.globalAlpha = 1;
      }
      if (cursor !== null) {
        g.strokeStyle = ink;
        g.beginPath(); g.moveTo(x(cursor), top); g.lineTo(x(cursor), bottom); g.stroke();
      }
      g.restore();
      this.tell(cursor);
    }

    // Of more than twenty curves the median of those that are there, over the thin lines.
    median(g, x, y, fits) {
      const longest = this.data.series.reduce((a, b) => (b.x.length > a.x.length ? b : a));
      g.strokeStyle = style("--ink");
      g.lineWidth = 2;
      g.beginPath();
      longest.x.forEach((s, i) => {
        const values = this.data.series.map((one) => one.line[i]).filter((v) => v !== undefined && fits(v)).sort((a, b) => a - b);
        if (values.length) g.lineTo(x(s), y(values[values.length >> 1]));
      });
      g.stroke();
    }

    // The words below the chart: the legend, or the values at the cursor.
    tell(cursor) {
      const parts = [];
      const series = this.data.series.slice(0, 12);
      series.forEach((one, k) => {
        const key = document.createElement("span");
        key.className = "key";
        const sample = document.createElementNS("http://www.w3.org/2000/svg", "svg");
        sample.setAttribute("width", 18); sample.setAttribute("height", 4);
        const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
        for (const [name, value] of [["x1", 0], ["x2", 18], ["y1", 2], ["y2", 2], ["stroke", style(`--c${k % 8}`)], ["stroke-width", 2], ["stroke-dasharray", dashes[Math.floor(k / 8) % 4].join(" ") || "none"]]) line.setAttribute(name, value);
        sample.append(line);
        let words = one.label || this.data.name;
        if (cursor !== null) {
          let i = one.x.findIndex((s, n) => (one.to ? one.to[n] : s) >= cursor);
          if (i < 0) i = one.x.length - 1;
          words += ` ${short(one.line[i])}`;
          if (one.low) words += ` (${short(one.low[i])} to ${short(one.high[i])} in steps ${whole(one.x[i])} to ${whole(one.to[i])})`;
          else words += ` at step ${whole(one.x[i])}`;
        }
        key.append(sample, ` ${words}`);
        parts.push(key);
      });
      const first = this.data.series[0];
      if (cursor === null) {
        const width = first && first.n ? Math.round((first.to[0] || 0) - (first.x[0] || 0)) + 1 : 1;
        const weight = +(view().get("smooth") || 0);
        if (width > 1) parts.push(`line: mean, band: lowest to highest of ${whole(width)} steps. `);
        if (weight && width > 1 / (1 - weight)) parts.push("The smoothing is shorter than a band. ");
        if (first && this.box.closest(".first")) for (const border of first.borders.slice(0, 4)) parts.push(`step ${whole(border.step)}: ${border.words}. `);
        if (this.data.series.length > 12) parts.push(`and ${this.data.series.length - 12} more`);
        if (this.bad) { const bad = document.createElement("strong"); bad.className = "bad"; bad.textContent = `${this.bad} `; parts.unshift(bad); }
      }
      this.legend.replaceChildren(...parts);
    }

    step(event) {
      const { left, right, lowX, highX } = this.place;
      const at = event.clientX - this.canvas.getBoundingClientRect().left;
      return lowX + Math.max(0, Math.min(1, (at - left) / (right - left))) * (highX - lowX);
    }

    listen() {
      const c = this.canvas;
      c.addEventListener("pointerdown", (event) => { if (!this.place) return; const at = event.offsetX; this.drag = [at, at]; c.setPointerCapture(event.pointerId); });
      c.addEventListener("pointermove", (event) => {
        if (!this.place) return;
        if (this.drag) this.drag[1] = event.offsetX;
        const at = this.step(event);
        for (const chart of charts) if (chart.data) chart.draw(at);
      });
      c.addEventListener("pointerup", () => {
        const drag = this.drag;
        this.drag = null;
        if (!drag || Math.abs(drag[1] - drag[0]) < 5) return;
        const { left, right, lowX, highX } = this.place;
        const s = drag.map((at) => lowX + (at - left) / (right - left) * (highX - lowX)).sort((a, b) => a - b);
        show(Math.max(0, Math.floor(s[0])), Math.ceil(s[1]));
      });
      c.addEventListener("pointerleave", () => { for (const chart of charts) if (chart.data) chart.draw(); });
      c.addEventListener("dblclick", () => (view().has("from") || view().has("to") ? history.back() : null));
      this.box.addEventListener("keydown", (event) => {
        if (!this.data) return;
        const [from, to] = this.range();
        const part = (to - from) / 4;
        const moves = { ArrowLeft: [-part, -part], ArrowRight: [part, part], "+": [part, -part], "-": [-part, part] };
        if (event.key === "0") show(null, null);
        if (!moves[event.key]) return;
        event.preventDefault();
        show(Math.max(0, Math.round(from + moves[event.key][0])), Math.max(1, Math.round(to + moves[event.key][1])));
      });
    }
  }

  // The range stands in the address, so that the back button undoes it and a copy of the address shows it.
  const show = (from, to) => {
    const address = new URL(location.href);
    for (const [name, value] of [["from", from], ["to", to]]) {
      if (value === null) address.searchParams.delete(name); else address.searchParams.set(name, value);
    }
    history.pushState(null, "", address);
    follow();
  };
  const follow = () => {
    const range = document.getElementById("range");
    if (range) range.textContent = view().has("from") || view().has("to") ? `steps ${whole(+view().get("from") || 0)} to ${view().has("to") ? whole(+view().get("to")) : "the last"}; double click undoes` : "";
    for (const chart of charts) chart.load();
  };
  addEventListener("popstate", follow);
  addEventListener("pra-theme", () => { for (const chart of charts) chart.draw(); });
  for (const box of document.querySelectorAll(".chart")) charts.push(new Chart(box));
  follow();
  setInterval(() => { if (!document.hidden) for (const chart of charts) chart.load(); }, 2000);
})();
