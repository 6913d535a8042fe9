const assert = require("node:assert");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const cbor = require("cbor");
const mqtt = require("mqtt");
const sodium = require("libsodium-wrappers");

const [host, port, folder, device] = process.argv.slice(2), none = Buffer.alloc(0), marks = new Map();
const file = (name) => fs.readFileSync(`${folder}/${name}`);
const key = (name) => Buffer.from(file(name).toString().split(/\s+/)[1], "hex");
const sha = (data) => createHash("sha256").update(data).digest();
const toSign = (header, payload) => cbor.encodeOne(["Signature1", header, none, payload]);
const verifier = key("box.pub"), sealing = key("sealing.key"), store = fs.openSync(`${folder}/records.log`, "a");

function take(envelope) { // verify it, open it, and store it if it is the next of its journal
  const [header, { body, key: wrapped }, payload, signature] = cbor.decodeFirstSync(envelope).value;
  assert(sodium.crypto_sign_verify_detached(signature, toSign(header, payload), verifier), "not the box's");
  const { dev, epoch, seq, prev, hash, kh } = Object.fromEntries(cbor.decodeFirstSync(header));
  assert(dev === device && hash.equals(sha(body)) && kh.equals(sha(wrapped)), "not what was signed");
  const own = sodium.crypto_box_seal_open(wrapped, sodium.crypto_scalarmult_base(sealing), sealing);
  const plain = sodium.crypto_secretbox_open_easy(body.subarray(24), body.subarray(0, 24), own);
  const inside = cbor.decodeFirstSync(plain), [last, chain] = marks.get(epoch) ?? [0, Buffer.alloc(32)];
  if (seq !== last + 1 || !prev.equals(chain)) return;
  fs.writeSync(store, `${seq} ${inside.type} ${inside.body.crossing}\n`); // into your database
  marks.set(epoch, [seq, sha(header)]);
}

sodium.ready.then(() => {
  const own = sodium.crypto_sign_seed_keypair(key("watermark.key")), kid = sha(own.publicKey).subarray(0, 16);
  const tls = { ca: file("ca.pem"), cert: file("central.pem"), key: file("central-tls.key"), protocolVersion: 5 };
  const client = mqtt.connect(`mqtts://${host}:${port}`, tls).subscribe(`borne/v1/${device}/records`, { qos: 1 });
  client.on("message", (_topic, message) => { // PUBACK goes out when this has returned
    for (const one of cbor.decodeFirstSync(message)) try { take(one); } catch (e) { console.log("refused:", `${e}`); }
    fs.fsyncSync(store); // first commit, then tell the box, by our signed word
    for (const [epoch, [seq, chain]] of marks) {
      const header = cbor.encodeOne(new Map([[1, -8], [3, "application/vnd.borne.watermark"], [4, kid], ["dev", device],
        ["iat", new Date().toISOString()], ["seq", seq], ["chain", chain], ["epoch", epoch]]));
      const signature = Buffer.from(sodium.crypto_sign_detached(toSign(header, none), own.privateKey));
      const word = cbor.encodeOne(new cbor.Tagged(18, [header, {}, none, signature]));
      client.publish(`borne/v1/${device}/watermark`, word, { qos: 1, retain: true });
    }
  });
});
