"use strict";
// Computes the SHA-256 of a chosen file here, and asks the server about that number alone.

const part = (id) => document.getElementById(id);
const GROUPS = /(.{4})(?=.)/g;

function tell(tone, text) {
  part("told").className = `note ${tone}`;
  part("told").textContent = text;
  part("told").hidden = false;
}

function moment(instant) {
  return new Date(instant).toLocaleString(undefined, { dateStyle: "long", timeStyle: "long" });
}

function stampOf(seal) {
  if (seal.timestamp === "given") return moment(seal.timestamped_at);
  return seal.timestamp === "pending" ? "still to come" : "none";
}

function show(seal) {
  part("number").textContent = `${seal.number} (${seal.kind})`;
  part("sealed").textContent = moment(seal.sealed_at);
  part("stamped").textContent = stampOf(seal);
  part("fingerprint").textContent = seal.fingerprint.replace(GROUPS, "$1-");
  part("sha256").textContent = seal.sha256;
  part("facts").hidden = false;
}

async function hashOf(file) {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function known(name) {
  const answer = await fetch(`/seals/${encodeURIComponent(name)}`);
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`the server said ${answer.status}`);
  return answer.json();
}

async function check(file) {
  part("facts").hidden = true;
  tell("warn", "Computing …");
  const seal = await known(await hashOf(file));
  if (seal === null) {
    tell("bad", "No match. We never issued this very file: it was changed, or it is not ours.");
    return;
  }
  show(seal);
  const current = seal.standing === "current";
  tell(current ? "good" : "warn", current
    ? "Match. We issued exactly this file, and nothing was added since."
    : "Match, but superseded: we issued exactly this file, and something was added later. Ask us for the addendum.");
}

async function announce(fingerprint) {
  const seal = await known(fingerprint);
  if (seal === null) {
    tell("bad", "We know no document with the fingerprint of this code.");
  } else {
    tell("warn", `We sealed a document with this fingerprint on ${moment(seal.sealed_at)}. Choose your file to see whether it is that one.`);
  }
}

function explain(error) {
  tell("bad", `It could not be checked: ${error.message}. Try again in a moment.`);
}

if (window.crypto && window.crypto.subtle) {
  part("file").disabled = false;
  part("file").addEventListener("change", () => {
    const [file] = part("file").files;
    if (file) check(file).catch(explain);
  });
  const fingerprint = new URLSearchParams(window.location.search).get("f");
  if (fingerprint) announce(fingerprint).catch(explain);
} else {
  tell("bad", "Your browser computes hashes only on a secure page. Open this page by its https:// address, or compute the SHA-256 of the file with a program of yours and open /seals/ followed by it.");
}
