const assert = require("node:assert");
const { execFileSync } = require("node:child_process");
const { createHash, createPublicKey, verify } = require("node:crypto");
const fs = require("node:fs");
const cbor = require("cbor");
const mqtt = require("mqtt");
const nacl = require("tweetnacl");

const [host, port, folder, device] = process.argv.slice(2), none = Buffer.alloc(0), marks = new Map();
const file = (name) => fs.readFileSync(`${folder}/${name}`), store = fs.openSync(`${folder}/records.log`, "a");
const key = (name) => Buffer.from(file(name).toString().split(/\s+/)[1], "hex");
const sha = (data) => createHash("sha256").update(data).digest();
const toSign = (header, payload) => cbor.encodeOne(["Signature1", header, none, payload]);
const seal = nacl.box.keyPair.fromSecretKey(key("sealing.key")), own = nacl.sign.keyPair.fromSeed(key("watermark.key"));
const jwk = { kty: "OKP", crv: "Ed25519", x: key("box.pub").toString("base64url") };
const verifier = createPublicKey({ key: jwk, format: "jwk" }), kid = sha(own.publicKey).subarray(0, 16);

function unseal(sealed) { // libsodium's crypto_box_seal_open: a key made for this record, then the box
  const from = sealed.subarray(0, 32), input = Buffer.concat([from, seal.publicKey]);
  const nonce = Buffer.from(`${execFileSync("b2sum", ["-l192"], { input })}`, "hex"); // their BLAKE2b, of 24 bytes
  return nacl.box.open(sealed.subarray(32), nonce, from, seal.secretKey);
}

function take(envelope) { // verify it, and if it is the next of its journal, open it and store it
  const [header, { body, key: wrapped }, payload, signature] = cbor.decodeFirstSync(envelope).value;
  assert(verify(null, toSign(header, payload), verifier, signature), "not the box's");
  const { dev, epoch, seq, prev, hash, kh } = Object.fromEntries(cbor.decodeFirstSync(header));
  assert(dev === device && hash.equals(sha(body)) && kh.equals(sha(wrapped)), "not what was signed");
  const [last, chain] = marks.get(epoch) ?? [0, Buffer.alloc(32)];
  if (seq !== last + 1 || !prev.equals(chain)) return;
  const inside = cbor.decodeFirstSync(nacl.secretbox.open(body.subarray(24), body.subarray(0, 24), unseal(wrapped)));
  fs.writeSync(store, `${seq} ${inside.type} ${inside.body.crossing}\n`); // into your database
  marks.set(epoch, [seq, sha(header)]);
}

const tls = { ca: file("ca.pem"), cert: file("central.pem"), key: file("central-tls.key"), protocolVersion: 5 };
const client = mqtt.connect(`mqtts://${host}:${port}`, tls).subscribe(`borne/v1/${device}/records`, { qos: 1 });
client.on("message", (_topic, message) => { // PUBACK goes out when this has returned
  for (const one of cbor.decodeFirstSync(message)) try { take(one); } catch (e) { console.log("refused:", `${e}`); }
  fs.fsyncSync(store); // first commit, then tell the box, by our signed word
  for (const [epoch, [seq, chain]] of marks) {
    const header = cbor.encodeOne(new Map([[1, -8], [3, "application/vnd.borne.watermark"], [4, kid], ["dev", device],
      ["iat", new Date().toISOString()], ["seq", seq], ["chain", chain], ["epoch", epoch]]));
    const cose = [header, {}, none, Buffer.from(nacl.sign.detached(toSign(header, none), own.secretKey))];
    client.publish(`borne/v1/${device}/watermark`, cbor.encodeOne(new cbor.Tagged(18, cose)), { qos: 1, retain: true });
  }
});
