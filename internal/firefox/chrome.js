// Runs inside Firefox, with its own rights. Each function becomes a command of
// Marionette, whose own commands that run scripts want a window for it.
//
// While Firefox asks for a PIN it is inside an event loop of that window, and
// Marionette answers nothing. So a PIN is given before it is asked for.

const browserWindow = () => Services.wm.getMostRecentWindow("navigator:browser");

const trustCA = base64 =>
  Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(base64, "CT,,");

const addModule = (name, path) =>
  Cc["@mozilla.org/security/pkcs11moduledb;1"].getService(Ci.nsIPKCS11ModuleDB).addModule(name, path, 0, 0);

// choosing says that Firefox asked which certificate to take since the last open.
let choosing = false;
Services.obs.addObserver(() => (choosing = true), "cert-dialog-loaded");

// left is the number of the document that the last open leaves.
let left = 0;

const shown = () => browserWindow().gBrowser.selectedBrowser.browsingContext.currentWindowGlobal;

function open(url) {
  choosing = false;
  left = shown().innerWindowId;
  browserWindow().gBrowser.selectedBrowser.fixupAndLoadURIString(url, {
    triggeringPrincipal: Services.scriptSecurityManager.getSystemPrincipal(),
  });
}

// pins are what will be typed, one in each window that asks; asked are the texts of
// those windows. Where none is left the window is cancelled.
let pins = [];
let asked = [];

function give(...all) {
  pins = all;
  asked = [];
}

function onDialog(window) {
  const { args, ui } = window.Dialog;
  asked.push(args.text ?? "");
  if (!pins.length || ui.password1Container?.hidden) {
    (ui.button1?.hidden === false ? ui.button1 : ui.button0).click();
    return;
  }
  ui.password1Textbox.value = pins.shift();
  ui.button0.click();
}

const attend = () => Services.obs.addObserver(onDialog, "common-dialog-loaded");

function look() {
  const browser = browserWindow().gBrowser.selectedBrowser;
  const url = browser.currentURI.spec;
  if (shown()?.innerWindowId === left || browser.webProgress.isLoadingDocument || url === "about:blank")
    return { kind: "loading", url, text: "", asked, choosing };
  const failed = browser.documentURI.spec.startsWith("about:");
  return { kind: failed ? "failure" : "page", url, text: failed ? browser.documentURI.spec : browser.contentTitle, asked, choosing };
}

// read gives the text of the page, or the code of the failure.
const read = () =>
  shown()
    .getActor("MarionetteCommands")
    .executeScript("return document.getNetErrorInfo?.().errorCodeString ?? document.body.innerText", [], {});

async function shoot() {
  const bitmap = await shown().drawSnapshot(null, 1, "white");
  const canvas = browserWindow().document.createElementNS("http://www.w3.org/1999/xhtml", "canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
}

// personal are the person's certificates on tokens, by the names of the modules.
async function personal() {
  const modules = await Cc["@mozilla.org/security/pkcs11moduledb;1"].getService(Ci.nsIPKCS11ModuleDB).listModules();
  const moduleOf = {};
  for (const m of modules) for (const s of m.slots) moduleOf[s.tokenName] = m.name;
  return Cc["@mozilla.org/security/x509certdb;1"]
    .getService(Ci.nsIX509CertDB)
    .getCerts()
    .filter(c => c.certType & Ci.nsIX509Cert.USER_CERT)
    .map(c => ({ name: c.commonName, token: c.tokenName, module: moduleOf[c.tokenName] }));
}

// signer is the certificate that the button in Thunderbird's settings would offer to
// sign mail with (4: certUsageEmailSigner of NSS), or the failure that makes it say
// that there is none.
function signer() {
  try {
    const picker = Cc["@mozilla.org/user_cert_picker;1"].getService(Ci.nsIUserCertPicker);
    return picker.pickByUsage(null, "", 4, false, true, "", {}).commonName;
  } catch (e) {
    return e.name;
  }
}

// fetched is the text of a page that is loaded without showing it, as mail and
// calendars are.
const fetched = async url => (await Services.wm.getMostRecentWindow(null).fetch(url, { credentials: "include" })).text();

const { GeckoDriver } = ChromeUtils.importESModule("chrome://remote/content/marionette/driver.sys.mjs");
const ours = { trustCA, addModule, attend, open, give, look, read, shoot, personal, signer, fetched };
const { getCommandHandler } = GeckoDriver.prototype;
GeckoDriver.prototype.getCommandHandler = function (name) {
  const f = name.startsWith("CIE:") && ours[name.slice(4)];
  return f ? command => f(...command.parameters.given) : getCommandHandler.call(this, name);
};
