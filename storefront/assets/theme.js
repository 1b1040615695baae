// Comforts only: every page works without this file. Never sends anything but the page's own requests.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);

  const make = (tag, cls, text) => {
    const element = document.createElement(tag);
    if (cls) element.className = cls;
    if (text) element.textContent = text;
    return element;
  };
  const priceLine = (item, was) => {
    const line = make("p", "price");
    line.append(make("span", item.compare_at ? "price-now is-sale" : "price-now", item.price));
    if (item.compare_at) {
      const old = make("s", "price-was");
      old.append(make("span", "sr", `${was} `), item.compare_at);
      line.append(" ", old);
    }
    return line;
  };
  const json = async (url, signal) => {
    const answer = await fetch(url, { headers: { accept: "application/json" }, signal });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  };

  // A language that the address asked for stays on the way through the shop.
  const said = new URLSearchParams(location.search);
  if (said.get("lang") === document.documentElement.lang) {
    document.cookie = `stoa_lang=${said.get("lang")};path=/;max-age=31536000;samesite=lax`;
  }

  // Product: price, stock and picture follow the chosen options.
  const form = document.querySelector("form.buy-form");
  const groups = form ? [...form.querySelectorAll("[data-option]")] : [];
  if (groups.length) {
    const data = byId("variants");
    const variants = data ? JSON.parse(data.textContent) : [];
    const add = byId("add");
    const names = groups.map((group) => group.dataset.option || group.name);
    const values = () => names.map((name) => form.elements[name].value);
    const like = (wanted) => variants.find((v) => v.options.every((value, i) => value === wanted[i]));
    const sold = (v) => !v || v.availability === "sold-out";
    const id = make("input");
    id.type = "hidden";
    id.name = "variant_id";
    let asked = 0;

    // Values that cannot be had with the others chosen.
    const outOf = (chosen) => names.map((name, i) => choicesOf(i).map((field) => field.value)
      .filter((value) => sold(like(chosen.map((other, k) => (k === i ? value : other))))));
    const choicesOf = (i) => [...groups[i].querySelectorAll("input, option")];
    const ask = async (chosen) => {
      if (!form.dataset.choice) return { variant: like(chosen) || null, out: outOf(chosen) };
      const query = new URLSearchParams(names.map((name, i) => [name, chosen[i]]));
      return json(`${form.dataset.choice}?${query}`);
    };
    const show = (variant, out, first) => {
      out.forEach((missing, i) => {
        for (const field of choicesOf(i)) {
          const gone = missing.includes(field.value);
          if (field.parentElement.classList.contains("choice")) field.parentElement.classList.toggle("is-out", gone);
        }
      });
      const buyable = !sold(variant);
      add.disabled = !buyable;
      add.textContent = buyable ? add.dataset.add : variant ? variant.availability_label : add.dataset.none;
      const state = byId("availability");
      state.className = `availability availability-${variant ? variant.availability : "sold-out"}`;
      state.textContent = variant ? variant.availability_label : state.dataset.none;
      if (!variant) { id.remove(); return; }
      id.value = variant.id;
      form.append(id);
      if (first) return;
      const price = byId("price");
      price.replaceChildren(priceLine(variant, price.dataset.was));
      if (variant.saving) price.append(make("p", "saving", variant.saving));
      if (variant.image_anchor) turnTo(variant.image_anchor);
      const url = new URL(location.href);
      url.searchParams.set("variant", variant.id);
      url.hash = "";
      history.replaceState(null, "", url);
    };
    const update = async (first) => {
      const mine = ++asked;
      const chosen = values();
      try {
        const found = await ask(chosen);
        if (mine === asked) show(found.variant, found.out, first);
      } catch { id.remove(); add.disabled = false; add.textContent = add.dataset.add; }
    };
    form.addEventListener("change", (event) => { if (names.includes(event.target.name)) update(false); });
    update(true);
  }

  // Gallery: thumbnails and arrows scroll the track, a click enlarges.
  const track = document.querySelector(".gallery-track");
  const items = track ? [...track.children] : [];
  const thumbs = [...document.querySelectorAll(".thumbs a")];
  let at = 0;
  const turn = (index) => {
    const item = items[(index + items.length) % items.length];
    if (item) track.scrollTo({ left: item.offsetLeft - track.offsetLeft });
  };
  function turnTo(anchor) {
    const index = items.findIndex((item) => item.id === anchor);
    if (index >= 0) turn(index);
  }
  for (const link of thumbs) {
    link.addEventListener("click", (event) => { event.preventDefault(); turnTo(link.hash.slice(1)); });
  }
  if (items.length > 1) {
    for (const button of document.querySelectorAll(".gallery-step")) {
      button.hidden = false;
      button.addEventListener("click", () => turn(at + Number(button.dataset.step)));
    }
    track.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { event.preventDefault(); turn(at + step); }
    });
    if ("IntersectionObserver" in window) {
      const watch = new IntersectionObserver((entries) => {
        for (const entry of entries) if (entry.isIntersecting) {
          at = items.indexOf(entry.target);
          thumbs.forEach((link, i) => {
            if (i === at) link.setAttribute("aria-current", "true");
            else link.removeAttribute("aria-current");
          });
        }
      }, { root: track, threshold: 0.6 });
      for (const item of items) watch.observe(item);
    }
  }
  const zoom = byId("zoom");
  if (zoom && zoom.showModal) {
    const stage = zoom.querySelector(".zoom-stage");
    const enlarge = (index) => {
      at = (index + items.length) % items.length;
      const small = items[at].querySelector("img");
      const large = make("img");
      large.src = items[at].href;
      large.alt = small.alt;
      stage.replaceChildren(large);
      stage.classList.remove("is-close");
      if (!zoom.open) zoom.showModal();
      turn(at);
    };
    for (const [index, item] of items.entries()) {
      item.addEventListener("click", (event) => { event.preventDefault(); enlarge(index); });
    }
    stage.addEventListener("click", () => stage.classList.toggle("is-close"));
    zoom.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step && items.length > 1) { event.preventDefault(); enlarge(at + step); }
    });
  }

  // Seen lately: kept in this browser only, each shown as it is today.
  const SEEN = "stoa_seen";
  const seen = () => {
    try { return JSON.parse(localStorage.getItem(SEEN) || "[]").filter((handle) => typeof handle === "string").slice(0, 8); } catch { return []; }
  };
  const here = document.querySelector("[data-product]");
  const recent = byId("recent");
  if (recent) {
    const others = seen().filter((handle) => !here || handle !== here.dataset.product).slice(0, 4);
    const card = (item) => {
      const entry = make("li", "card");
      const frame = make("div", "frame-4x5");
      if (item.image) {
        const image = make("img");
        Object.assign(image, { alt: item.image.alt, width: item.image.width, height: item.image.height, loading: "lazy", src: item.image.url });
        frame.append(image);
      }
      const title = make("h3", "card-title");
      const link = make("a", "", item.title);
      link.href = item.url;
      title.append(link);
      entry.append(frame, title);
      if (item.vendor) entry.append(make("p", "card-vendor", item.vendor));
      entry.append(priceLine(item, ""));
      return entry;
    };
    Promise.allSettled(others.map((handle) => json(`/products/${encodeURIComponent(handle)}/card`))).then((all) => {
      const cards = all.filter((one) => one.status === "fulfilled").map((one) => card(one.value));
      if (!cards.length) return;
      recent.querySelector("ul").replaceChildren(...cards);
      recent.hidden = false;
    });
    recent.querySelector("[data-forget]").addEventListener("click", () => {
      try { localStorage.removeItem(SEEN); } catch { /* nothing is kept then */ }
      recent.hidden = true;
      byId("main").focus();
    });
  }
  if (here) {
    try {
      localStorage.setItem(SEEN, JSON.stringify([here.dataset.product, ...seen().filter((one) => one !== here.dataset.product)].slice(0, 8)));
    } catch { /* a browser that keeps nothing */ }
  }

  // Menus open without this; Escape, another place and leaving them close them.
  for (const menu of document.querySelectorAll("[data-menu]")) {
    const open = () => [...menu.querySelectorAll("details[open]"), ...(menu.open ? [menu] : [])];
    const closeBut = (target) => { for (const one of open()) if (!one.contains(target)) one.open = false; };
    document.addEventListener("pointerdown", (event) => closeBut(event.target));
    menu.addEventListener("focusout", (event) => { if (event.relatedTarget) closeBut(event.relatedTarget); });
    menu.addEventListener("keydown", (event) => {
      const inner = event.key === "Escape" && event.target.closest("details[open]");
      if (!inner) return;
      inner.open = false;
      inner.querySelector("summary").focus();
    });
  }

  // Search box: a combobox that suggests; without suggestions it stays a plain form.
  for (const box of document.querySelectorAll("form[data-suggest]")) {
    const input = box.querySelector("input");
    const told = box.querySelector("[data-found]");
    const list = make("ul", "suggestions");
    list.id = `${input.id}-list`;
    list.hidden = true;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", input.labels[0].textContent);
    input.after(list);
    for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false" })) input.setAttribute(name, value);
    let current = -1;
    let timer = 0;
    let going = null;
    const close = () => {
      list.hidden = true;
      current = -1;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    };
    const mark = (index) => {
      const options = [...list.children];
      current = options.length ? (index + options.length) % options.length : -1;
      options.forEach((option, i) => option.setAttribute("aria-selected", String(i === current)));
      if (current < 0) return;
      input.setAttribute("aria-activedescendant", options[current].id);
      options[current].scrollIntoView({ block: "nearest" });
    };
    const option = (item, i) => {
      const entry = make("li", item.price ? "suggestion" : "suggestion suggestion-words");
      entry.id = `${list.id}-${i}`;
      entry.setAttribute("role", "option");
      entry.setAttribute("aria-selected", "false");
      entry.dataset.url = item.url;
      if (item.image) {
        const image = make("img");
        Object.assign(image, { alt: "", width: 40, height: 50, src: item.image });
        entry.append(image);
      }
      entry.append(make("span", "suggestion-title", item.title));
      if (item.price) entry.append(make("span", "suggestion-price", item.price));
      return entry;
    };
    const ask = async () => {
      const words = input.value.trim();
      if (going) going.abort();
      if (words.length < 2) { close(); told.textContent = ""; return; }
      going = new AbortController();
      try {
        const { items: found } = await json(`${box.dataset.suggest}?q=${encodeURIComponent(words)}`, going.signal);
        list.replaceChildren(...found.map(option));
        current = -1;
        input.removeAttribute("aria-activedescendant");
        list.hidden = !found.length || document.activeElement !== input;
        input.setAttribute("aria-expanded", String(!list.hidden));
        told.textContent = found.length ? told.dataset.some.replace("{count}", found.length) : told.dataset.none;
      } catch { /* typed on, or offline: the form itself still works */ }
    };
    input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 150); });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !list.hidden) { event.preventDefault(); close(); return; }
      if (list.hidden) return;
      if (event.key === "ArrowDown") { event.preventDefault(); mark(current + 1); }
      if (event.key === "ArrowUp") { event.preventDefault(); mark(current < 0 ? -1 : current - 1); }
      if (event.key === "Enter" && current >= 0) { event.preventDefault(); location.assign(list.children[current].dataset.url); }
    });
    input.addEventListener("blur", () => setTimeout(close, 100));
    list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const entry = event.target.closest("[role=option]");
      if (entry) location.assign(entry.dataset.url);
    });
  }

  // Lists: filters act at once on wide screens, and open as a sheet on narrow ones.
  const wide = matchMedia("(min-width: 60rem)");
  let sheet = null;
  const prepare = (listing) => {
    const opener = listing.querySelector("[data-filters]");
    const filters = listing.querySelector("[data-sheet]");
    listing.classList.add("is-live");
    if (!opener || !filters || !("HTMLDialogElement" in window)) return;
    sheet = make("dialog", "drawer sheet");
    sheet.setAttribute("aria-labelledby", "filters-title");
    const home = filters.parentElement;
    listing.append(sheet);
    const place = () => {
      if (wide.matches) { if (sheet.open) sheet.close(); home.prepend(filters); } else sheet.append(filters);
      opener.hidden = wide.matches;
      filters.querySelector("[data-close]").hidden = wide.matches;
    };
    place();
    wide.onchange = place;
    opener.addEventListener("click", () => sheet.showModal());
    filters.querySelector("[data-close]").addEventListener("click", () => sheet.close());
    sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); });
  };
  const listing = document.querySelector("[data-listing]");
  if (listing) {
    let asked = 0;
    const address = () => {
      const pairs = [...new FormData(listing)].filter(([, value]) => value !== "");
      const query = new URLSearchParams(pairs).toString();
      return listing.action.split("?")[0] + (query ? `?${query}` : "");
    };
    const renew = async () => {
      const mine = ++asked;
      const url = address();
      const held = document.activeElement;
      const mark = held && held.name ? [held.name, held.value] : null;
      // By name: what is narrowed down may lose facets.
      const facets = () => [...listing.querySelectorAll("details")].map((one) => [one.querySelector("input").name, one]);
      const open = new Map(facets().map(([name, one]) => [name, one.open]));
      listing.ariaBusy = "true";
      try {
        const answer = await fetch(url, { headers: { accept: "text/html" } });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.querySelector("[data-listing]");
        if (mine !== asked) return;
        if (!fresh) { location.assign(url); return; }
        listing.replaceChildren(...fresh.childNodes);
        prepare(listing);
        for (const [name, one] of facets()) if (open.has(name)) one.open = open.get(name);
        if (mark) {
          const again = [...listing.elements].find((field) => field.name === mark[0] && (field.type !== "checkbox" || field.value === mark[1]));
          if (again) again.focus({ preventScroll: true });
        }
        history.replaceState(null, "", url);
      } catch { location.assign(url); } finally { listing.ariaBusy = "false"; }
    };
    prepare(listing);
    listing.addEventListener("change", (event) => {
      if (event.target.id === "sort" || wide.matches) renew();
    });
    listing.addEventListener("submit", (event) => { event.preventDefault(); location.assign(address()); });
  }

  // Cart badge: pages that are the same for everybody learn the count here.
  const badge = document.querySelector(".cart-count.is-empty");
  const count = /(?:^|; )stoa_cart_count=([1-9]\d{0,3})(?:;|$)/.exec(document.cookie);
  if (badge && count) {
    badge.querySelector("[data-units]").textContent = count[1];
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
      shown.querySelector("[data-units]").textContent = units;
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
      pay.querySelector("[data-label]").textContent = pay.dataset.busy;
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
