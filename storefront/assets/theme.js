// Comforts only: every page works without this file. Never sends anything but the page's own requests.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);

  // Product: price, stock and picture follow the chosen options.
  const data = byId("variants");
  if (data) {
    const variants = JSON.parse(data.textContent);
    const form = data.closest("form");
    const add = byId("add");
    const fields = [...form.querySelectorAll("fieldset.option")].map((set) => set.querySelector("input").name);
    const span = (cls, text) => Object.assign(document.createElement("span"), { className: cls, textContent: text });
    const chosen = () => fields.map((name) => form.elements[name].value);
    const find = (values) => variants.find((v) => v.options.every((value, i) => value === values[i]));
    const id = document.createElement("input");
    id.type = "hidden";
    id.name = "variant_id";

    const update = (first) => {
      const values = chosen();
      const variant = find(values);
      fields.forEach((name, i) => {
        for (const input of form.querySelectorAll(`input[name="${name}"]`)) {
          const other = find(values.map((value, k) => (k === i ? input.value : value)));
          const out = !other || other.availability === "sold-out";
          input.parentElement.classList.toggle("is-out", out);
        }
      });
      const sellable = Boolean(variant) && variant.availability !== "sold-out";
      add.disabled = !sellable;
      add.textContent = sellable ? "Add to cart" : variant ? "Sold out" : "Not available";
      const state = byId("availability");
      state.className = `availability availability-${variant ? variant.availability : "sold-out"}`;
      state.textContent = variant ? variant.availability_label : "Not made in this combination";
      if (!variant) { id.remove(); return; }
      id.value = variant.id;
      form.append(id);
      if (first) return;
      const price = byId("price");
      const line = document.createElement("p");
      line.className = "price";
      line.append(span(variant.compare_at ? "price-now is-sale" : "price-now", variant.price));
      if (variant.compare_at) {
        const was = document.createElement("s");
        was.className = "price-was";
        was.append(span("sr", "Was "), variant.compare_at);
        line.append(" ", was);
      }
      price.replaceChildren(line);
      if (variant.saving) price.append(Object.assign(document.createElement("p"), { className: "saving", textContent: variant.saving }));
      if (variant.image_anchor) show(variant.image_anchor);
      const url = new URL(location.href);
      url.searchParams.set("variant", variant.id);
      url.hash = "";
      history.replaceState(null, "", url);
    };
    form.addEventListener("change", (event) => { if (event.target.type === "radio") update(false); });
    update(true);
  }

  // Gallery: thumbnails scroll the track instead of jumping the page.
  const track = document.querySelector(".gallery-track");
  const thumbs = [...document.querySelectorAll(".thumbs a")];
  function show(anchor) {
    const item = byId(anchor);
    if (track && item) track.scrollTo({ left: item.offsetLeft - track.offsetLeft });
  }
  for (const link of thumbs) {
    link.addEventListener("click", (event) => { event.preventDefault(); show(link.hash.slice(1)); });
  }
  if (track && thumbs.length && "IntersectionObserver" in window) {
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) {
        for (const link of thumbs) {
          if (link.hash.slice(1) === entry.target.id) link.setAttribute("aria-current", "true");
          else link.removeAttribute("aria-current");
        }
      }
    }, { root: track, threshold: 0.6 });
    for (const item of track.children) watch.observe(item);
  }

  // Cart badge: pages that are the same for everybody learn the count here.
  const badge = document.querySelector(".cart-count.is-empty");
  const count = /(?:^|; )stoa_cart_count=([1-9]\d{0,3})(?:;|$)/.exec(document.cookie);
  if (badge && count) {
    badge.firstChild.data = count[1];
    badge.querySelector(".sr").textContent = count[1] === "1" ? " item" : " items";
    badge.classList.remove("is-empty");
  }

  // Cart beside the page: opens when something is added. A refusal goes the way without a script.
  const buy = document.querySelector("form.buy-form");
  if (buy && "HTMLDialogElement" in window) {
    let drawer = null;
    const ask = async (form, submitter) => {
      const body = new URLSearchParams(new FormData(form, submitter));
      const answer = await fetch(form.action, { method: "POST", body, headers: { "stoa-fragment": "drawer" } });
      return { ok: answer.ok, html: await answer.text() };
    };
    const fill = (html) => {
      if (!drawer) {
        drawer = document.createElement("dialog");
        drawer.className = "drawer";
        drawer.setAttribute("aria-labelledby", "drawer-title");
        drawer.addEventListener("click", (event) => { if (event.target === drawer) drawer.close(); });
        drawer.addEventListener("submit", (event) => {
          if (event.target.method === "dialog") return;
          event.preventDefault();
          if (drawer.ariaBusy === "true") return;
          drawer.ariaBusy = "true";
          ask(event.target, event.submitter).then((got) => fill(got.html)).catch(() => location.assign("/cart")).finally(() => { drawer.ariaBusy = "false"; });
        });
        document.body.append(drawer);
      }
      const parsed = new DOMParser().parseFromString(html, "text/html").querySelector(".drawer-body");
      if (!parsed) { location.assign("/cart"); return; }
      drawer.replaceChildren(parsed);
      const units = parsed.dataset.count;
      const shown = document.querySelector(".cart-count");
      shown.firstChild.data = units;
      shown.querySelector(".sr").textContent = units === "1" ? " item" : " items";
      shown.classList.toggle("is-empty", units === "0");
      if (!drawer.open) drawer.showModal();
      byId("drawer-title").focus();
    };
    buy.addEventListener("submit", (event) => {
      event.preventDefault();
      const add = byId("add");
      if (add.ariaBusy === "true") return;
      add.ariaBusy = "true";
      ask(buy, event.submitter)
        .then((got) => { if (got.ok) fill(got.html); else buy.submit(); })
        .catch(() => buy.submit())
        .finally(() => { add.ariaBusy = "false"; });
    });
  }

  // Checkout: the total follows shipping and country; Pay is pressed once.
  const checkout = byId("checkout");
  if (checkout) {
    let asked = 0;
    let waiting = null;
    const pay = byId("pay");
    const refresh = async () => {
      const mine = ++asked;
      const body = new URLSearchParams(new FormData(checkout));
      body.set("intent", "update");
      body.delete("coupon");
      body.delete("gift_card");
      try {
        const answer = await fetch(checkout.action, { method: "POST", body });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (mine !== asked || !page.getElementById("checkout")) return;
        const held = document.activeElement && document.activeElement.id;
        for (const id of ["totals", "shipping-options"]) {
          const [old, fresh] = [byId(id), page.getElementById(id)];
          if (old && fresh) old.replaceChildren(...fresh.childNodes);
        }
        if (held && /^ship-/.test(held) && byId(held)) byId(held).focus();
        pay.querySelector("[data-label]").textContent = page.querySelector("#pay [data-label]").textContent;
        for (const name of ["expected_total", "expected_due"]) {
          checkout.elements[name].value = page.querySelector(`[name=${name}]`).value;
        }
      } catch { /* Pay asks the server again anyway */ }
    };
    checkout.addEventListener("change", (event) => {
      if (["shipping_option_id", "country"].includes(event.target.name)) waiting = refresh().finally(() => { waiting = null; });
    });
    checkout.addEventListener("submit", (event) => {
      if (event.submitter && event.submitter !== pay) return;
      if (pay.getAttribute("aria-disabled") === "true") { event.preventDefault(); return; }
      // The total on the button must be the one that is paid.
      if (waiting) { event.preventDefault(); waiting.then(() => checkout.requestSubmit(pay)); return; }
      // A disabled button would drop its own name from the form; this one only looks and acts so.
      pay.setAttribute("aria-disabled", "true");
      pay.querySelector("[data-label]").textContent = "One moment…";
    });
    // Back from the order: what this page shows may be bought by now.
    addEventListener("pageshow", (event) => {
      const [entry] = performance.getEntriesByType("navigation");
      if (event.persisted || (entry && entry.type === "back_forward")) location.replace(checkout.action);
    });
    const first = document.querySelector("[aria-invalid=true]") || byId("error-summary") || byId("changed");
    if (first) first.focus();
  }

  // In line: asks again by itself and goes on when it is the shopper's turn.
  const line = byId("line");
  if (line) {
    const next = line.dataset.next;
    const again = async () => {
      try {
        const answer = await fetch(next, { headers: { accept: "text/html" }, redirect: "manual", cache: "no-store" });
        if (answer.type === "opaqueredirect") { location.replace(next); return; }
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const place = page.querySelector("[data-position]");
        if (!place) { location.replace(next); return; }
        line.querySelector("[data-position]").textContent = place.textContent;
      } catch { /* offline for a moment: the place is kept */ }
      setTimeout(again, 1000 * Number(line.dataset.seconds));
    };
    setTimeout(again, 1000 * Number(line.dataset.seconds));
  }

  // Order: reload as soon as there is news of it.
  const order = byId("order");
  if (order && order.dataset.watch) {
    const url = order.dataset.watch;
    const active = ["processing", "requires_action"].includes(order.dataset.state);
    const seen = (status) => {
      if (status.state && (status.state !== order.dataset.state || String(status.version) !== order.dataset.version)) location.reload();
    };
    let wait = active ? 1000 : 20000;
    const poll = async () => {
      try {
        const answer = document.hidden ? null : await fetch(url, { headers: { accept: "application/json" }, cache: "no-store" });
        if (answer && answer.ok) seen(await answer.json());
      } catch { /* offline for a moment: the next round asks again */ }
      wait = Math.min(wait * 1.5, active ? 8000 : 120000);
      setTimeout(poll, wait);
    };
    if (!active) setTimeout(poll, wait);
    else if ("EventSource" in window) {
      const stream = new EventSource(url);
      stream.onmessage = (event) => { try { seen(JSON.parse(event.data)); } catch { /* a line for other clients */ } };
      stream.onerror = () => { stream.close(); poll(); };
    } else poll();
  }
})();
