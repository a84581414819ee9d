// Runs after webpack's runtime and before Label Studio's own files. These may register their modules; the application that
// main.js would start (its pages, its calls to a server) may not: its start is the third element of what main.js pushes.
(() => {
  const chunks = (self.webpackChunklabelstudio = self.webpackChunklabelstudio || []);
  const register = chunks.push;
  chunks.push = ([ids, modules]) => register([ids, modules]);
  const told = JSON.parse(document.getElementById("told").textContent);
  self.yuelu = { told, require: new Promise((ready) => register([[Symbol("yuelu")], {}, ready])) };
  self.APP_SETTINGS = { ...told.settings, lookupHotkey: () => null };
})();
