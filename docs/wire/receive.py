import hashlib
import os
import sys
from datetime import UTC, datetime

import cbor2
import paho.mqtt.client as mqtt
from nacl.public import PrivateKey, SealedBox
from nacl.secret import SecretBox
from nacl.signing import SigningKey, VerifyKey

host, port, folder, device = sys.argv[1:5]
key = lambda name: bytes.fromhex(open(f"{folder}/{name}").read().split()[1])
sha = lambda data: hashlib.sha256(data).digest()
to_sign = lambda protected, payload: cbor2.dumps(["Signature1", protected, b"", payload])
verifier, signer, marks = VerifyKey(key("box.pub")), SigningKey(key("watermark.key")), {}
seal, store = SealedBox(PrivateKey(key("sealing.key"))), open(f"{folder}/records.log", "a")

def take(envelope):  # verify it, open it, and store it if it is the next of its journal
    protected, outside, payload, signature = cbor2.loads(envelope).value
    verifier.verify(to_sign(protected, payload), signature)
    header = cbor2.loads(protected)
    assert (header["dev"], header["hash"], header["kh"]) == (device, sha(outside["body"]), sha(outside["key"]))
    inside = cbor2.loads(SecretBox(seal.decrypt(outside["key"])).decrypt(outside["body"]))
    if (header["seq"] - 1, header["prev"]) == marks.get(header["epoch"], (0, bytes(32))):
        store.write(f"{header['seq']} {inside['type']} {inside['body'].get('crossing')}\n")  # into your database
        marks[header["epoch"]] = header["seq"], sha(protected)

def on_message(client, _, message):
    for envelope in cbor2.loads(message.payload):
        try: take(envelope)
        except Exception as error: print("refused:", type(error).__name__)
    os.fsync(store.flush() or store.fileno())  # first commit,
    client.ack(message.mid, message.qos)  # then the broker may forget the batch,
    for epoch, (seq, chain) in marks.items():  # then the box, by our signed word
        protected = cbor2.dumps({1: -8, 3: "application/vnd.borne.watermark", 4: sha(bytes(signer.verify_key))[:16],
            "dev": device, "iat": datetime.now(UTC).isoformat(), "seq": seq, "chain": chain, "epoch": epoch})
        cose = [protected, {}, b"", signer.sign(to_sign(protected, b"")).signature]
        client.publish(f"borne/v1/{device}/watermark", cbor2.dumps(cbor2.CBORTag(18, cose)), 1, retain=True)

client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "my-central", protocol=mqtt.MQTTv5, manual_ack=True)
client.tls_set(f"{folder}/ca.pem", f"{folder}/central.pem", f"{folder}/central-tls.key")
client.on_connect, client.on_message = lambda *_: client.subscribe(f"borne/v1/{device}/records", 1), on_message
client.connect(host, int(port)) or client.loop_forever()
