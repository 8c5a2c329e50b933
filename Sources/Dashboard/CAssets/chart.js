// Line charts on a canvas: the mean of each band of steps, within the band from its lowest to its highest value. The
// server has smoothed them, and put them on the axis of the address.
"use strict";
(() => {
  const charts = [];
  // Colours of the theme, read once for a drawing.
  let tones = {};
  const style = (name) => tones[name] ??= getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dashes = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
  const short = (value) => {
    if (value === null || !isFinite(value)) return "none";
    const size = Math.abs(value);
    return size !== 0 && (size >= 1e6 || size < 1e-3) ? value.toExponential(2) : String(+value.toPrecision(4));
  };
  const figures = [0, 2, 3].map((digits) => new Intl.NumberFormat("en", { maximumFractionDigits: digits }));
  const whole = (value) => figures[value < 10 ? 2 : value < 1000 ? 1 : 0].format(value);
  const view = () => new URL(location.href).searchParams;

  const steps = (low, high, most) => {
    const rough = (high - low) / most || 1;
    const size = Math.pow(10, Math.floor(Math.log10(rough)));
    const step = [1, 2, 5, 10].find((factor) => factor * size >= rough) * size;
    const out = [];
    for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) out.push(+at.toPrecision(12));
    return out;
  };

  // Runs of values, and how often each stands there, as arrays: places, the ends of bands, and counts.
  const unfold = (one) => {
    for (const name of ["x", "to", "n", "bad"]) {
      const runs = one[`${name}_runs`];
      if (!runs) continue;
      const values = one[name] = [];
      for (let at = 0, last = 0; at < runs.length; at += 2) {
        for (let n = 0; n < runs[at + 1]; n++) {
          if (name === "x") last += runs[at];
          values.push(name === "x" ? last : name === "to" ? one.x[values.length] + runs[at] : runs[at]);
        }
      }
    }
  };

  class Chart {
    constructor(box) {
      this.box = box;
      this.canvas = document.createElement("canvas");
      this.legend = box.parentElement.querySelector(".legend");
      this.bad = this.legend.textContent;
      // Paper gets the drawing of the server, which is asked for when somebody prints.
      this.print = document.createElement("img");
      this.print.className = "print";
      this.print.alt = box.dataset.name;
      this.print.loading = "lazy";
      box.replaceChildren(this.canvas, this.print);
      this.data = null;
      this.mark = null;
      this.drag = null;
      new ResizeObserver(() => this.draw()).observe(box);
      this.listen();
    }

    // The range of the address, or the whole series.
    range() {
      const from = view().get("from"), to = view().get("to");
      const last = Math.max(...this.data.series.map((one) => one.last || 0)) || 1;
      return [from === null ? 0 : +from, to === null ? last : +to, from !== null || to !== null];
    }

    // The whole data of a new view; of one that is shown already, what comes after the last band.
    async load(isWhole = false, headers = {}) {
      const address = new URL(this.box.dataset.source, location.href);
      for (const name of ["from", "to"]) {
        const value = view().get(name);
        if (value === null) address.searchParams.delete(name); else address.searchParams.set(name, value);
      }
      const drawing = address.href.replace("series.json", "chart.svg");
      if (this.print.src !== drawing) this.print.src = drawing;
      const isMore = !isWhole && this.base === address.href;
      const base = address.href;
      if (isMore) address.searchParams.set("after", Math.min(...this.data.series.map((one) => one.at || 0)));
      const isSame = this.address === address.href;
      try {
        const reply = await fetch(address, { headers: { ...headers, ...(isSame && this.mark && { "If-None-Match": this.mark }) }, cache: "no-store" });
        if (reply.status === 304) return;
        if (!reply.ok) { this.legend.textContent = `no data: ${reply.status}`; this.told = null; return; }
        const data = await reply.json();
        data.series.forEach(unfold);
        if (isMore && !this.joins(data)) { this.load(true, headers); return; }
        [this.mark, this.address, this.base] = [reply.headers.get("ETag"), address.href, base];
        this.data = data;
        for (const one of data.series) if (!one.line) one.line = one.mean;
        this.draw();
      } catch { /* the page says that the server is away */ }
    }

    // Puts the bands that are known before those that came. Where bands have become wider they do not fit.
    joins(data) {
      return data.series.length === this.data.series.length && data.series.every((one, k) => {
        const old = this.data.series[k];
        // An attempt that went on from an earlier step has changed what is known.
        if (JSON.stringify(one.borders) !== JSON.stringify(old.borders)) return false;
        if (!one.skip) return true;
        if (one.job !== old.job || !one.to !== !old.to || old.x.findIndex((x) => x >= one.edge) !== one.skip) return false;
        for (const name of ["x", "to", "n", "mean", "low", "high", "bad", "line"]) {
          if (one[name]) one[name] = old[name].slice(0, one.skip).concat(one[name]);
        }
        return true;
      });
    }

    draw(cursor = null) {
      const width = this.box.clientWidth, height = this.box.clientHeight;
      if (!this.data || !width) return;
      const scale = devicePixelRatio || 1;
      const g = this.canvas.getContext("2d");
      // A canvas of another size has other memory; the same one is wiped.
      if (this.canvas.width !== Math.floor(width * scale)) this.canvas.width = width * scale;
      if (this.canvas.height !== Math.floor(height * scale)) this.canvas.height = height * scale;
      g.reset();
      g.scale(scale, scale);
      tones = {};
      g.font = "11px system-ui, sans-serif";
      const log = view().get("y") === "log";
      const [from, to] = this.range();
      const fits = (v) => v !== null && isFinite(v) && (!log || v > 0);
      let low = Infinity, high = -Infinity, lowX = Infinity, highX = -Infinity;
      for (const one of this.data.series) {
        for (let i = 0; i < one.x.length; i++) {
          if (one.x[i] > to || (one.to ? one.to[i] : one.x[i]) < from) continue;
          for (const values of one.low ? [one.mean, one.low, one.high] : [one.mean]) {
            const v = values[i];
            if (fits(v)) { if (v < low) low = v; if (v > high) high = v; }
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
      [lowX, highX] = [from, to > from ? to : from + 1];
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
      const isWhole = !this.data.axis.startsWith("hours");
      const marks = steps(lowX, highX, Math.max(2, width / 110)).filter((s) => !isWhole || Number.isInteger(s));
      for (const s of marks) g.fillText(whole(s), Math.min(x(s), right - 14), height - 5);
      g.save();
      g.beginPath(); g.rect(left, 0, right - left, bottom + 1); g.clip();
      const isMany = this.data.series.length > 20;
      // A line of one pixel costs a browser without a graphics card a fiftieth of a wider one.
      const thickness = isMany ? 0.8 : this.data.series.length > 4 ? 1 : 1.5;
      const named = [];
      this.data.series.forEach((one, k) => {
        g.fillStyle = g.strokeStyle = style(`--c${one.place % 8}`);
        if (one.low && !isMany) {
          g.globalAlpha = 0.4;
          one.x.forEach((s, i) => {
            if (!fits(one.low[i]) || !fits(one.high[i])) return;
            const end = Math.max(x(one.to[i] + one.unit), x(s) + 1);
            g.fillRect(x(s), y(one.high[i]), end - x(s), Math.max(1, y(one.low[i]) - y(one.high[i])));
          });
        }
        const line = (values, alpha, dash) => {
          g.globalAlpha = alpha;
          g.lineWidth = thickness;
          g.setLineDash(dash);
          g.beginPath();
          let open = false, alone = null;
          one.x.forEach((s, i) => {
            const at = one.to ? (s + one.to[i]) / 2 : s;
            if (!fits(values[i])) { open = false; return; }
            const [across, down] = [x(at), y(values[i])];
            if (open) { g.lineTo(across, down); alone = null; } else { g.moveTo(across, down); alone = [across, down]; }
            open = true;
          });
          g.stroke();
          if (alone && one.x.length === 1) { g.beginPath(); g.arc(alone[0], alone[1], 3, 0, 7); g.fill(); }
        };
        if (one.line !== one.mean && !one.low) line(one.mean, 0.3, []);
        line(one.line, isMany ? 0.35 : 1, this.dashes(one));
        g.globalAlpha = 1;
        g.setLineDash([]);
        // Values that are not finite, and spikes, at the top edge; borders of attempts from top to bottom.
        const flag = (at) => { g.beginPath(); g.moveTo(at - 4, 1); g.lineTo(at + 4, 1); g.lineTo(at, 8); g.closePath(); };
        g.fillStyle = style("--red");
        one.x.forEach((s, i) => { if (one.bad[i] > 0) { flag(x(s)); g.fill(); } });
        g.strokeStyle = style("--amber");
        g.lineWidth = 1.5;
        // They are those of before where the pointer alone has moved.
        if (one.searched?.[0] !== from || one.searched[1] !== to) [one.spikes, one.searched] = [this.spikes(one, from, to), [from, to]];
        for (const i of one.spikes) { flag(x((one.x[i] + one.to[i]) / 2)); g.stroke(); }
        for (const border of one.borders) {
          g.setLineDash([3, 3]);
          g.beginPath(); g.moveTo(x(border.x), top); g.lineTo(x(border.x), bottom); g.stroke();
          g.setLineDash([]);
        }
        // A name at the end of each line, so that its colour is not the only sign.
        const end = one.x.findLastIndex((s, i) => s <= to && fits(one.line[i]));
        if (!isMany && this.data.series.length > 1 && end >= 0) {
          g.fillStyle = style("--ink");
          g.textAlign = "right";
          const [side, high, wide] = [Math.min(right - 2, x(one.to ? one.to[end] : one.x[end])), y(one.line[end]) - 5, g.measureText(one.short).width];
          // Beside those that are there: above it, below it, and so on.
          const clashes = (at) => named.some((o) => Math.abs(o.at - at) < 11 && o.side > side - wide && o.side - o.wide < side);
          let at = high;
          for (let n = 1; clashes(at) && n < 40; n++) at = high + (n % 2 ? -11 : 11) * Math.ceil(n / 2);
          named.push({ at, side, wide });
          g.fillText(one.short, side, at);
        }
      });
      if (isMany) this.median(g, x, y, fits, lowX, highX, cursor);
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

    dashes(one) { return dashes[(one.dash + Math.floor(one.place / 8)) % 4]; }

    // Bands whose highest value is far above their mean, against what is usual in the range.
    spikes(one, from, to) {
      if (!one.high || one.seeds > 1) return [];
      const seen = [], heights = new Float64Array(one.x.length);
      for (let i = 0; i < one.x.length; i++) {
        if (one.to[i] < from || one.x[i] > to || one.high[i] === null || one.mean[i] === null) continue;
        heights[seen.length] = one.high[i] - one.mean[i];
        seen.push(i);
      }
      // Numbers of a typed array are sorted without a comparison in the script.
      const usual = heights.slice(0, seen.length).sort()[seen.length >> 1];
      return seen.filter((i) => usual > 0 && one.high[i] - one.mean[i] > 6 * usual);
    }

    // Of more than twenty curves the median and the range of those that are there, over thin lines; the one at the
    // pointer is drawn as a thick line, and named.
    median(g, x, y, fits, lowX, highX, cursor) {
      const columns = 200, path = { low: [], high: [], middle: [] };
      for (let c = 0; c <= columns; c++) {
        const s = lowX + (highX - lowX) * c / columns;
        const values = this.data.series.map((one) => this.at(one, s)).filter(fits).sort((a, b) => a - b);
        if (!values.length) continue;
        path.low.push([x(s), y(values[0])]);
        path.high.unshift([x(s), y(values[values.length - 1])]);
        path.middle.push([x(s), y((values[(values.length - 1) >> 1] + values[values.length >> 1]) / 2)]);
      }
      const trace = (points) => { g.beginPath(); for (const [a, b] of points) g.lineTo(a, b); };
      g.fillStyle = g.strokeStyle = style("--ink");
      g.globalAlpha = 0.08;
      trace([...path.low, ...path.high]); g.fill();
      g.globalAlpha = 1;
      g.lineWidth = 2;
      trace(path.middle); g.stroke();
      this.near = null;
      if (cursor === null || this.pointer === undefined) return;
      let best = Infinity;
      for (const one of this.data.series) {
        const value = this.at(one, cursor);
        if (!fits(value) || Math.abs(y(value) - this.pointer) >= best) continue;
        [best, this.near] = [Math.abs(y(value) - this.pointer), one];
      }
      if (!this.near) return;
      g.strokeStyle = style(`--c${this.near.place % 8}`);
      trace(this.near.x.map((s, i) => [x(this.near.to ? (s + this.near.to[i]) / 2 : s), y(this.near.line[i])]).filter(([, v]) => isFinite(v)));
      g.stroke();
    }

    // The value of a curve at a place of the axis; null beyond its ends.
    at(one, s) {
      let low = 0, high = one.x.length;
      while (low < high) { const middle = (low + high) >> 1; if ((one.to ? one.to[middle] : one.x[middle]) >= s) high = middle; else low = middle + 1; }
      return low < one.x.length && s >= one.x[0] ? one.line[low] : null;
    }

    // The words below the chart: the legend, or the values at the cursor.
    tell(cursor) {
      const parts = [];
      const isMany = this.data.series.length > 20;
      const series = !isMany ? this.data.series.slice(0, 12) : cursor !== null && this.near ? [this.near] : [];
      series.forEach((one) => {
        let words = one.label || this.data.name;
        if (cursor !== null) {
          let i = one.x.findIndex((s, n) => (one.to ? one.to[n] : s) >= cursor);
          if (i < 0) i = one.x.length - 1;
          words += ` ${short(one.line[i])}`;
          const axis = this.data.axis;
          if (one.low) words += ` (${short(one.low[i])} to ${short(one.high[i])} ${axis === "step" ? "in steps" : `at ${axis}`} ${whole(one.x[i])} to ${whole(one.to[i])})`;
          else words += ` at ${axis} ${whole(one.x[i])}`;
        }
        parts.push({ colour: style(`--c${one.place % 8}`), dash: this.dashes(one).join(" ") || "none", words });
      });
      const first = this.data.series[0];
      if (cursor === null) {
        const points = first && first.n ? Math.max(...first.n) : 1;
        const weight = +(view().get("smooth") || 0);
        if (isMany) parts.push(`${this.data.series.length} series: thick line their median, shade their range; the pointer names one. `);
        else if (first && this.data.series.some((one) => one.seeds > 1)) parts.push("line: median of the seeds, band: the lowest to the highest of them. ");
        else if (points > 1) parts.push(`line: mean, band: lowest to highest of ${whole(points)} points. `);
        const spikes = isMany ? 0 : this.data.series.reduce((sum, one) => sum + one.spikes.length, 0);
        if (spikes) parts.push(`${spikes} ${spikes === 1 ? "spike" : "spikes"}. `);
        if (weight && points > 1 / (1 - weight)) parts.push("The average is shorter than a band. ");
        if (first && this.box.closest(".first")) for (const border of first.borders.slice(0, 4)) parts.push(`step ${whole(border.step)}: ${border.words}. `);
        if (!isMany && this.data.series.length > 12) parts.push(`and ${this.data.series.length - 12} more`);
        if (this.bad) parts.unshift({ bad: `${this.bad} ` });
      }
      // The same words stay as they are, and the page with them.
      const told = JSON.stringify(parts);
      if (this.told === told) return;
      this.told = told;
      this.legend.replaceChildren(...parts.map((part) => typeof part === "string" ? part : this.element(part)));
    }

    // A curve's sample and words, or a warning.
    element(part) {
      const key = document.createElement(part.bad ? "strong" : "span");
      key.className = part.bad ? "bad" : "key";
      if (part.bad) { key.textContent = part.bad; return key; }
      const sample = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      sample.setAttribute("width", 18); sample.setAttribute("height", 4);
      const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
      for (const [name, value] of [["x1", 0], ["x2", 18], ["y1", 2], ["y2", 2], ["stroke", part.colour], ["stroke-width", 2], ["stroke-dasharray", part.dash]]) line.setAttribute(name, value);
      sample.append(line);
      key.append(sample, ` ${part.words}`);
      return key;
    }

    // A range as it stands in the address: whole steps, or hours of a second.
    round(from, to) {
      const parts = this.data.axis.startsWith("hours") ? 3600 : 1;
      return [Math.max(0, Math.floor(from * parts) / parts), Math.max(1, Math.ceil(to * parts)) / parts].map((one) => +one.toFixed(4));
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
        this.pointer = event.offsetY;
        for (const chart of charts) if (chart.data) chart.draw(at);
      });
      c.addEventListener("pointerup", () => {
        const drag = this.drag;
        this.drag = null;
        if (!drag || Math.abs(drag[1] - drag[0]) < 5) return;
        const { left, right, lowX, highX } = this.place;
        const s = drag.map((at) => lowX + (at - left) / (right - left) * (highX - lowX)).sort((a, b) => a - b);
        show(...this.round(s[0], s[1]));
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
        show(...this.round(from + moves[event.key][0], to + moves[event.key][1]));
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
    const part = view().has("from") || view().has("to");
    if (range && part) {
      const all = document.createElement("a");
      const address = new URL(location.href);
      for (const name of ["from", "to"]) address.searchParams.delete(name);
      all.href = address;
      all.textContent = "all";
      range.replaceChildren(` · from ${whole(+view().get("from") || 0)} to ${view().has("to") ? whole(+view().get("to")) : "the last"} `, all);
    } else if (range) range.textContent = "";
    for (const chart of charts) chart.load(true);
  };
  addEventListener("popstate", follow);
  addEventListener("pra-theme", () => { for (const chart of charts) chart.draw(); });
  for (const box of document.querySelectorAll(".chart")) charts.push(new Chart(box));
  follow();
  setInterval(() => { if (!document.hidden) for (const chart of charts) chart.load(false, { "X-Poll": "1" }); }, 2000);
})();
