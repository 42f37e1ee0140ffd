extension Dashboard {
    /// What `/assets/dashboard.js` holds: keeps a page up to date by asking for it again.
    ///
    /// The server writes all markup; the script never makes any of data.
    package static let script = #"""
        "use strict";
        (() => {
          const second = 1000;
          let main = document.getElementById("main");
          // How far the server's clock is ahead of the browser's.
          let ahead = 0;
          const readClock = () => {
            const now = Number(main.dataset.now);
            if (now) ahead = now - Date.now();
          };

          // MARK: times

          const pair = (seconds, size, unit, lesser, lesserUnit) => {
            const rest = Math.floor((seconds % size) / lesser);
            return Math.floor(seconds / size) + " " + unit + (rest > 0 ? " " + rest + " " + lesserUnit : "");
          };
          const words = (milliseconds) => {
            const seconds = Math.max(0, Math.floor(milliseconds / second));
            if (seconds < 60) return seconds + " s";
            if (seconds < 3600) return pair(seconds, 60, "min", 1, "s");
            if (seconds < 86400) return pair(seconds, 3600, "h", 60, "min");
            return pair(seconds, 86400, "d", 3600, "h");
          };
          const tick = () => {
            const now = Date.now() + ahead;
            for (const part of main.querySelectorAll("[data-until]")) {
              part.textContent = words(Number(part.dataset.until) - now);
            }
            for (const part of main.querySelectorAll("[data-since]")) {
              part.textContent = words(now - Number(part.dataset.since));
            }
          };

          // MARK: what a person has begun stays

          const fields = () => main.querySelectorAll("form input:not([type=hidden]), form select");
          const remember = () => {
            const held = { open: new Map(), values: new Map(), scrolled: new Map(), focus: null };
            for (const part of main.querySelectorAll("details[id]")) held.open.set(part.id, part.open);
            for (const field of fields()) {
              held.values.set(field.form.id + " " + field.id, [field.value, field.checked]);
            }
            for (const part of main.querySelectorAll("pre, .scroll")) {
              const place = part.closest("[id]");
              if (part.scrollTop !== 0) held.scrolled.set(place.id, part.scrollTop);
            }
            const active = document.activeElement;
            if (active && main.contains(active)) held.focus = pathOf(active);
            return held;
          };
          // The nearest thing with a name, and the way down from it.
          const pathOf = (part) => {
            const named = part.closest("[id]");
            const same = [...named.querySelectorAll(part.tagName)];
            const caret = typeof part.selectionStart === "number"
              ? [part.selectionStart, part.selectionEnd] : null;
            return { id: named.id, tag: part.tagName, at: named === part ? -1 : same.indexOf(part), caret };
          };
          const restore = (held) => {
            for (const [id, open] of held.open) {
              const part = document.getElementById(id);
              // What one has opened or closed stays so; the rest is as the server says.
              if (part && open !== opened.has(id)) part.open = open;
            }
            for (const field of fields()) {
              const old = held.values.get(field.form.id + " " + field.id);
              if (old) [field.value, field.checked] = old;
            }
            for (const [id, top] of held.scrolled) {
              const part = document.getElementById(id)?.querySelector("pre, .scroll");
              if (part) part.scrollTop = top;
            }
            if (!held.focus) return;
            const named = document.getElementById(held.focus.id);
            const part = named && held.focus.at >= 0
              ? named.querySelectorAll(held.focus.tag)[held.focus.at] : named;
            if (!part) return main.focus({ preventScroll: true });
            part.focus({ preventScroll: true });
            if (held.focus.caret && part.setSelectionRange) part.setSelectionRange(...held.focus.caret);
          };
          // What the server had opened.
          const openIn = (page) => new Set([...page.querySelectorAll("details[open][id]")].map((p) => p.id));
          let opened = openIn(main);

          // MARK: the page again

          let isBusy = false;
          document.addEventListener("pointerdown", () => { isBusy = true; });
          for (const end of ["pointerup", "pointercancel"]) {
            // A click comes right after it, and must find what was pressed.
            document.addEventListener(end, () => setTimeout(() => { isBusy = false; }, 50));
          }
          document.addEventListener("compositionstart", () => { isBusy = true; });
          document.addEventListener("compositionend", () => { isBusy = false; });

          const say = (text) => { document.getElementById("news").textContent = text; };
          const show = (isLive, text) => {
            const light = document.getElementById("live");
            light.hidden = false;
            light.classList.toggle("lost", !isLive);
            document.getElementById("live-words").textContent = text;
          };

          let asked = false;
          let asking = false;
          let hasEnded = false;
          const refresh = async () => {
            if (asking) { asked = true; return; }
            asking = true;
            asked = false;
            try {
              const answer = await fetch(location.href, {
                headers: { Accept: "text/html" }, cache: "no-store", credentials: "same-origin"
              });
              if (answer.status === 401 || (answer.redirected && answer.url !== location.href)) {
                stop();
                show(false, "signed out: load the page again");
                say("You are signed out.");
                return;
              }
              if (!answer.ok) throw new Error(String(answer.status));
              const next = new DOMParser().parseFromString(await answer.text(), "text/html");
              while (isBusy) await new Promise((resolve) => setTimeout(resolve, 50));
              replace(next);
              if (!source || source.readyState === EventSource.OPEN) show(true, "live");
              follow();
            } catch {
              show(false, "not up to date: the server does not answer");
              setTimeout(refresh, 3 * second);
            } finally {
              asking = false;
              if (asked) later();
            }
          };
          const replace = (next) => {
            const fresh = next.getElementById("main");
            if (!fresh) throw new Error("another page");
            const news = main.dataset.news;
            const held = remember();
            const top = window.scrollY;
            document.title = next.title;
            main.replaceWith(document.adoptNode(fresh));
            main = fresh;
            const openNow = openIn(main);
            restore(held);
            opened = openNow;
            window.scrollTo({ top, behavior: "instant" });
            readClock();
            tick();
            if (main.dataset.news && main.dataset.news !== news) say(main.dataset.news);
          };
          // Many entries in a moment are one look.
          let waiting = 0;
          const later = () => {
            if (waiting) return;
            waiting = setTimeout(() => { waiting = 0; refresh(); }, 150);
          };

          // MARK: live

          let source = null;
          let beat = 0;
          // The path of the events that are listened to; empty while none are.
          let following = "";
          let last = 0;
          let patience = second;
          const pathFrom = (address) => new URL(address, location.href).pathname;
          const listen = (address) => {
            const url = new URL(address, location.href);
            if (last) url.searchParams.set("after", last);
            const own = source = new EventSource(url);
            own.addEventListener("open", () => { patience = second; show(true, "live"); });
            own.addEventListener("entry", (event) => {
              last = Number(event.lastEventId) || last;
              later();
            });
            own.addEventListener("end", () => {
              own.close();
              hasEnded = true;
              later();
            });
            own.addEventListener("error", () => {
              if (own !== source || hasEnded) return;
              show(false, "not live: connecting again");
              // The browser comes back by itself, with Last-Event-ID, unless the server refused.
              if (own.readyState !== EventSource.CLOSED) return;
              setTimeout(() => {
                if (own !== source) return;
                refresh();
                listen(address);
              }, patience);
              patience = Math.min(patience * 2, 30 * second);
            });
          };
          const stop = () => {
            clearInterval(beat);
            beat = 0;
            if (source) source.close();
            source = null;
            following = "";
          };
          // As the page now asks for: another run's events, a look every now and then, or nothing.
          const follow = () => {
            const { events } = main.dataset;
            // Browsers lend six connections to all pages of a host: those that nobody sees give theirs back.
            const isListening = events && !document.hidden;
            const every = events ? 30 : main.dataset.every;
            if (isListening) {
              if (pathFrom(events) === following) return;
              stop();
              hasEnded = false;
              last = 0;
              following = pathFrom(events);
              listen(events);
            } else if (every) {
              if (beat) return;
              stop();
              hasEnded = false;
              show(true, "live");
              beat = setInterval(() => { if (!document.hidden || events) refresh(); }, every * second);
            } else if (following || beat) {
              stop();
              show(true, "up to date");
            }
          };

          document.addEventListener("visibilitychange", () => {
            const isLive = source || beat;
            if (isLive) follow();
            if (isLive && !document.hidden) refresh();
          });
          document.addEventListener("submit", (event) => {
            // Sent once, however often one presses.
            const button = event.target.querySelector("button[type=submit]");
            if (button) setTimeout(() => { button.disabled = true; }, 0);
          });
          // Back from elsewhere, what was pressed can be pressed again.
          window.addEventListener("pageshow", () => {
            for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
          });
          readClock();
          setInterval(tick, second);
          follow();
        })();

        """#
}
