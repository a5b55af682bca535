package consensus

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lni/dragonboat/v4/raftpb"
	"github.com/rs/zerolog"
)

// authority signs certificates for tests.
type authority struct {
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial int64
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert: cert, key: key, serial: 1}
}

// issue writes files for a member at host into dir, over those that are there.
func (a *authority) issue(t testing.TB, dir, host string) TLSFiles {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		Subject:     pkix.Name{CommonName: "127.0.0.1"}, // must not count
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := TLSFiles{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	for name, block := range map[string]*pem.Block{
		files.CA:   {Type: "CERTIFICATE", Bytes: a.cert.Raw},
		files.Cert: {Type: "CERTIFICATE", Bytes: der},
		files.Key:  {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestAClusterOverTLS(t *testing.T) {
	ca := newAuthority(t, "peers")
	nodes := newCluster(t, 3, func(c *Config) {
		c.TLS = ca.issue(t, t.TempDir(), "127.0.0.1")
		c.SnapshotEntries = 20
	})
	late := nodes[2]
	late.stop(t)
	for i := range 60 {
		submit(t, nodes[i%2], fmt.Sprint("write ", i))
	}
	late.start(t)
	if got := len(sameLedgers(t, nodes)); got != 60 {
		t.Errorf("%d commands, want 60", got)
	}
	if late.machine.recoveries() == 0 {
		t.Error("no snapshot was sent over TLS")
	}
	// Without a certificate there is no way in.
	plain := dial(t, nodes[0].cfg.RaftAddr)
	plain.Write(censusQuestion{replica: 3, cluster: "coxswain"}.frame())
	plain.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, _ := plain.Read(make([]byte, frameHeaderBytes)); n >= frameHeaderBytes {
		t.Error("a plaintext question was answered")
	}
}

// tlsPair is a transport with TLS and a client's credentials.
func tlsServer(t *testing.T, files TLSFiles) (*transport, inbox) {
	t.Helper()
	creds, err := newCredentials(files, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return bareTransport(t, listen(t), creds, 1, nil, func(q censusQuestion) censusAnswer {
		return censusAnswer{replica: 1, cluster: q.cluster}
	})
}

func TestWhoMayConnectOverTLS(t *testing.T) {
	peers, strangers := newAuthority(t, "peers"), newAuthority(t, "strangers")
	server, _ := tlsServer(t, peers.issue(t, t.TempDir(), "127.0.0.1"))
	addr := server.listener.Addr().String()
	q := censusQuestion{replica: 2, cluster: "c"}

	member, _ := tlsServer(t, peers.issue(t, t.TempDir(), "127.0.0.1"))
	if _, err := member.ask(t.Context(), addr, q); err != nil {
		t.Errorf("a certificate of the peers' CA: %v", err)
	}
	stranger, _ := tlsServer(t, strangers.issue(t, t.TempDir(), "127.0.0.1"))
	if _, err := stranger.ask(t.Context(), addr, q); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("a stranger trusts the server: %v", err)
	}

	pool := x509.NewCertPool()
	pool.AddCert(peers.cert)
	strangerCert, err := tls.LoadX509KeyPair(stranger.creds.files.Cert, stranger.creds.files.Key)
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]*tls.Config{
		"no certificate":              {RootCAs: pool, ServerName: "127.0.0.1"},
		"certificate of another CA":   {RootCAs: pool, ServerName: "127.0.0.1", Certificates: []tls.Certificate{strangerCert}},
		"TLS 1.2 with a certificate":  {RootCAs: pool, ServerName: "127.0.0.1", Certificates: []tls.Certificate{member.creds.current().cert}, MaxVersion: tls.VersionTLS12},
		"no certificate, no checking": {InsecureSkipVerify: true},
	} {
		c, err := tls.Dial("tcp", addr, config)
		if err != nil {
			continue
		}
		c.Write(q.frame())
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, err := c.Read(make([]byte, 64)); err == nil {
			t.Errorf("%s: the server answered %d bytes", name, n)
		}
		c.Close()
	}

	elsewhere, _ := tlsServer(t, peers.issue(t, t.TempDir(), "server9.example"))
	if _, err := member.ask(t.Context(), elsewhere.listener.Addr().String(), q); err == nil || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("a server whose certificate is for another host is believed: %v", err)
	}
}

func TestChangedTLSFilesAreUsedAndBadOnesAreNot(t *testing.T) {
	old, fresh := newAuthority(t, "old"), newAuthority(t, "new")
	dir := t.TempDir()
	server, in := tlsServer(t, old.issue(t, dir, "127.0.0.1"))
	log := new(lines)
	server.creds.log = zerolog.New(log)
	addr := server.listener.Addr().String()
	q := censusQuestion{replica: 2}
	oldMember, _ := tlsServer(t, old.issue(t, t.TempDir(), "127.0.0.1"))
	newMember, _ := tlsServer(t, fresh.issue(t, t.TempDir(), "127.0.0.1"))
	open, err := oldMember.GetConnection(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()

	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := oldMember.ask(t.Context(), addr, q); err != nil {
			t.Errorf("bad files are in use: %v", err)
		}
	}
	if n := strings.Count(log.String(), "cannot be used"); n != 1 {
		t.Errorf("the bad files were reported %d times:\n%s", n, log)
	}
	fresh.issue(t, dir, "127.0.0.1")
	if _, err := newMember.ask(t.Context(), addr, q); err != nil {
		t.Errorf("the new files are not in use: %v", err)
	}
	if _, err := oldMember.ask(t.Context(), addr, q); err == nil {
		t.Error("the old CA is still believed")
	}
	if err := open.SendMessageBatch(raftpb.MessageBatch{Requests: []raftpb.Message{message(raftpb.Heartbeat, "")}}); err != nil {
		t.Errorf("the connection that was open: %v", err)
	}
	<-in.batches
}

func TestTLSFilesThatCannotBeUsedAreRefused(t *testing.T) {
	ca := newAuthority(t, "peers")
	n := newNode(t, 1, freeAddrs(t, 1))
	for name, damage := range map[string]func(TLSFiles) error{
		"no CA":          func(f TLSFiles) error { return os.Remove(f.CA) },
		"empty CA":       func(f TLSFiles) error { return os.WriteFile(f.CA, nil, 0o600) },
		"no certificate": func(f TLSFiles) error { return os.Remove(f.Cert) },
		"wrong key":      func(f TLSFiles) error { return os.Rename(ca.issue(t, t.TempDir(), "x").Key, f.Key) },
	} {
		t.Run(name, func(t *testing.T) {
			n.cfg.TLS = ca.issue(t, t.TempDir(), "127.0.0.1")
			if err := damage(n.cfg.TLS); err != nil {
				t.Fatal(err)
			}
			refusedFor(t, n.open(), ReasonTLS, n.cfg.TLS.Cert, "belongs to the certificate")
		})
	}
}
