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

  // Checkout: the total follows shipping and country; Pay is pressed once.
  const checkout = byId("checkout");
  if (checkout) {
    let asked = 0;
    let waiting = null;
    const refresh = async () => {
      const mine = ++asked;
      const body = new URLSearchParams(new FormData(checkout));
      body.set("intent", "update");
      try {
        const answer = await fetch(checkout.action, { method: "POST", body });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (mine !== asked || !page.getElementById("checkout")) return;
        for (const el of page.querySelectorAll("#checkout [data-total]")) {
          checkout.querySelectorAll(`[data-total="${el.dataset.total}"]`).forEach((old) => { old.textContent = el.textContent; });
        }
        const fresh = page.getElementById("shipping-options");
        const held = document.activeElement && document.activeElement.id;
        if (fresh) byId("shipping-options").replaceWith(fresh);
        if (held && /^ship-/.test(held) && byId(held)) byId(held).focus();
        checkout.elements.expected_total.value = page.querySelector("[name=expected_total]").value;
      } catch { /* Pay asks the server again anyway */ }
    };
    checkout.addEventListener("change", (event) => {
      if (["shipping_option_id", "country"].includes(event.target.name)) waiting = refresh().finally(() => { waiting = null; });
    });
    checkout.addEventListener("submit", (event) => {
      const pay = byId("pay");
      if (event.submitter && event.submitter !== pay) return;
      if (pay.getAttribute("aria-disabled") === "true") { event.preventDefault(); return; }
      // The total on the button must be the one that is paid.
      if (waiting) { event.preventDefault(); waiting.then(() => checkout.requestSubmit(pay)); return; }
      // A disabled button would drop its own name from the form; this one only looks and acts so.
      pay.setAttribute("aria-disabled", "true");
      pay.querySelector("[data-label]").textContent = "Paying…";
    });
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
    const summary = byId("error-summary");
    if (summary) summary.focus();
  }

  // Order: reload as soon as its state is another one.
  const order = byId("order");
  if (order && order.dataset.watch && ["processing", "requires_action"].includes(order.dataset.state)) {
    const url = order.dataset.watch;
    const seen = (status) => { if (status.state && status.state !== order.dataset.state) location.reload(); };
    let wait = 1000;
    const poll = async () => {
      try {
        const answer = await fetch(url, { headers: { accept: "application/json" }, cache: "no-store" });
        if (answer.ok) seen(await answer.json());
      } catch { /* offline for a moment: the next round asks again */ }
      wait = Math.min(wait * 1.5, 8000);
      setTimeout(poll, wait);
    };
    if ("EventSource" in window) {
      const stream = new EventSource(url);
      stream.onmessage = (event) => { try { seen(JSON.parse(event.data)); } catch { /* a line for other clients */ } };
      stream.onerror = () => { stream.close(); poll(); };
    } else poll();
  }
})();
