package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/fxamacker/cbor" // with modules: .../cbor/v2
	"golang.org/x/crypto/curve25519"
	"golang.org/x/crypto/nacl/box"
	"golang.org/x/crypto/nacl/secretbox"
)

type envelope struct {
	_                  struct{} `cbor:",toarray"`
	Protected          []byte
	Outside            map[string][]byte
	Payload, Signature []byte
}

type header struct { // of a record, and of our word to the box
	Algorithm int    `cbor:"1,keyasint"`
	Type      string `cbor:"3,keyasint"`
	Kid       []byte `cbor:"4,keyasint"`
	Dev       string `cbor:"dev"`
	Epoch     string `cbor:"epoch"`
	Seq       int    `cbor:"seq"`
	Prev      []byte `cbor:"prev,omitempty"`
	Hash      []byte `cbor:"hash,omitempty"`
	KeyHash   []byte `cbor:"kh,omitempty"`
	Chain     []byte `cbor:"chain,omitempty"`
	Issued    string `cbor:"iat,omitempty"`
}

var host, port, folder, device = os.Args[1], os.Args[2], os.Args[3], os.Args[4]
var encoder, _ = cbor.CanonicalEncOptions().EncMode()
var verifier, signer = ed25519.PublicKey(key("box.pub")), ed25519.NewKeyFromSeed(key("watermark.key"))
var sealing = (*[32]byte)(key("sealing.key"))
var public = (*[32]byte)(must(curve25519.X25519(sealing[:], curve25519.Basepoint)))
var store, marks = must(os.Create(folder + "/records.log")), map[string]header{}

func must[T any](value T, err error) T { hold(err == nil, fmt.Sprint(err)); return value }
func key(name string) []byte {
	return must(hex.DecodeString(strings.Fields(string(must(os.ReadFile(folder + "/" + name))))[1]))
}
func sha(data []byte) []byte { sum := sha256.Sum256(data); return sum[:] }
func toSign(protected, payload []byte) []byte {
	return must(encoder.Marshal([]any{"Signature1", protected, []byte{}, payload}))
}
func hold(right bool, otherwise string) {
	if !right {
		panic(otherwise)
	}
}

func take(data []byte) { // verify it, open it, and store it if it is the next of its journal
	defer func() {
		if why := recover(); why != nil {
			fmt.Println("refused:", why)
		}
	}()
	var sealed envelope
	var named header
	var inside struct {
		Type string
		Body map[string]any
	}
	hold(cbor.Unmarshal(data, &sealed) == nil && cbor.Unmarshal(sealed.Protected, &named) == nil, "malformed")
	hold(ed25519.Verify(verifier, toSign(sealed.Protected, sealed.Payload), sealed.Signature), "not the box's")
	body, wrapped := sealed.Outside["body"], sealed.Outside["key"]
	hold(named.Dev == device && bytes.Equal(named.Hash, sha(body)) && bytes.Equal(named.KeyHash, sha(wrapped)), "other body")
	own, _ := box.OpenAnonymous(nil, wrapped, public, sealing)
	plain, _ := secretbox.Open(nil, body[24:], (*[24]byte)(body), (*[32]byte)(own))
	hold(cbor.Unmarshal(plain, &inside) == nil, "sealed to another key")
	if last := marks[named.Epoch]; named.Seq == last.Seq+1 && (last.Seq == 0 || bytes.Equal(named.Prev, last.Chain)) {
		fmt.Fprintln(store, named.Seq, inside.Type, inside.Body["crossing"]) // into your database
		marks[named.Epoch] = header{Seq: named.Seq, Chain: sha(sealed.Protected)}
	}
}
func onMessage(client mqtt.Client, message mqtt.Message) {
	var batch [][]byte
	hold(cbor.Unmarshal(message.Payload(), &batch) == nil, "no batch")
	for _, data := range batch {
		take(data)
	}
	store.Sync() // first commit, then tell the box, by our signed word
	for epoch, mark := range marks {
		word := header{Algorithm: -8, Type: "application/vnd.borne.watermark", Kid: sha(signer.Public().(ed25519.PublicKey))[:16],
			Dev: device, Epoch: epoch, Seq: mark.Seq, Chain: mark.Chain, Issued: time.Now().UTC().Format("2006-01-02T15:04:05.000-07:00")}
		protected := must(encoder.Marshal(word))
		signed := envelope{Protected: protected, Outside: map[string][]byte{}, Payload: []byte{}, Signature: ed25519.Sign(signer, toSign(protected, []byte{}))}
		client.Publish("borne/v1/"+device+"/watermark", 1, true, must(encoder.Marshal(cbor.Tag{Number: 18, Content: signed})))
	}
}
func main() {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(must(os.ReadFile(folder + "/ca.pem")))
	own := must(tls.LoadX509KeyPair(folder+"/central.pem", folder+"/central-tls.key"))
	options := mqtt.NewClientOptions().AddBroker("ssl://" + host + ":" + port).SetClientID("my-central")
	options.SetTLSConfig(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}})
	options.SetOnConnectHandler(func(client mqtt.Client) { client.Subscribe("borne/v1/"+device+"/records", 1, onMessage) })
	mqtt.NewClient(options).Connect().Wait()
	select {}
}
