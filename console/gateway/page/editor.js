// Mounts Label Studio's editor on our page and speaks with the gateway for it. The order in which a draft, an answer or a
// prediction is opened is that of Label Studio's own page (LSFWrapper.setAnnotation).
(async () => {
  const told = self.yuelu.told;
  const notice = document.getElementById("notice");
  const state = { sent: null, leaving: false };

  const say = (text, bad) => {
    notice.textContent = text || "";
    notice.className = bad ? "bad" : "good";
  };
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  const load = () => fetch(told.api, { credentials: "same-origin", redirect: "error" });

  async function post(what, body, keepalive) {
    const token = told.token;
    const response = await fetch(`${told.api}/${what}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Yuelu-Token": token },
      body: JSON.stringify(body),
      credentials: "same-origin",
      redirect: "error",
      keepalive,
    });
    if (response.status !== 403 || keepalive) return response;
    // Somebody whose session ended has perhaps signed in again in another window: then this page's token is an old one.
    const again = await load();
    if (again.ok) told.token = (await again.json()).token;
    return told.token === token ? response : post(what, body, keepalive);
  }

  const seconds = (annotation) => (Date.now() - annotation.loadedDate.getTime()) / 1000 + told.lead_time;

  // What a person submits is held here until the gateway says that it has written it down.
  async function send(what, annotation) {
    const body = {
      result: annotation.serializeAnnotation(), lead_time: seconds(annotation), based_on: told.based_on, asked: told.asked,
    };
    state.sent = what;
    for (let wait = 1000; ; wait = Math.min(2 * wait, 30000)) {
      let response = null;
      try {
        response = await post(what, body, false);
      } catch (error) {
        console.warn(error);
      }
      if (response && response.ok) {
        state.leaving = true;
        location.assign((await response.json()).next);
        return;
      }
      if (response && response.status < 500 && response.status !== 429) {
        const answer = await response.json().catch(() => ({}));
        state.sent = null;
        say(answer.reason || told.words.refused, true);
        throw new Error(answer.reason || told.words.refused);
      }
      say(told.words.retrying, true);
      await pause(wait);
    }
  }

  async function draft(_, annotation) {
    if (state.sent || state.leaving) return {};
    const body = { result: annotation.versions.draft || [], lead_time: seconds(annotation), based_on: told.based_on };
    try {
      const response = await post("draft", body, JSON.stringify(body).length < 60000);
      const answer = response.ok ? {} : await response.json().catch(() => ({}));
      say(response.ok ? told.words.saved : answer.reason || told.words.unsaved, !response.ok);
    } catch (error) {
      say(told.words.unsaved, true);
    }
    return {};
  }

  function open(ls) {
    const store = ls.annotationStore;
    let chosen = store.annotations.length ? store.annotations[0] : null;
    if (told.draft) {
      if (chosen) {
        chosen.history.freeze();
        chosen.addVersions({ draft: told.draft.result });
        chosen.deleteAllRegions({ deleteReadOnly: true });
      } else {
        chosen = store.addAnnotation({ draft: told.draft.result, userGenerate: true });
      }
      store.selectAnnotation(chosen.id);
      chosen.deserializeResults(told.draft.result);
      chosen.setDraftId(1);
      chosen.setDraftSaved(told.draft.saved_at);
      chosen.history.safeUnfreeze();
      chosen.history.reinit();
    } else if (!chosen) {
      chosen = store.predictions.length ? store.addAnnotationFromPrediction(store.predictions[0]) : store.createAnnotation();
    }
    store.selectAnnotation(chosen.id);
    document.body.dataset.editor = "ready";
  }

  try {
    const response = await load();
    if (!response.ok) {
      say((await response.json()).reason, true);
      return;
    }
    Object.assign(told, await response.json());
    const require = await self.yuelu.require;
    const sheet = document.createElement("style");
    sheet.textContent = require(told.editor.styles).A.toString();
    document.head.append(sheet);
    await Promise.all(told.editor.chunks.map((chunk) => require.e(chunk)));
    require(told.editor.module);
    new self.LabelStudio(document.getElementById("editor"), {
      config: told.config,
      task: told.task,
      interfaces: told.interfaces,
      user: told.user,
      users: [told.user],
      keymap: {},
      onStorageInitialized: open,
      onSubmitAnnotation: (_, annotation) => send("submit", annotation),
      onUpdateAnnotation: (_, annotation) => send("update", annotation),
      onSkipTask: (ls) => send("skip", ls.annotationStore.selected),
      onSubmitDraft: draft,
    });
  } catch (error) {
    console.error(error);
    say(told.words.broken, true);
  }

  const help = document.querySelector("details.help");
  addEventListener("pointerdown", (event) => {
    if (help.open && !help.contains(event.target)) help.open = false;
  });
  addEventListener("pagehide", () => self.Htx?.annotationStore?.selected?.saveDraftImmediately());
  addEventListener("beforeunload", (event) => {
    if (state.sent && !state.leaving) event.preventDefault();
  });
})();
