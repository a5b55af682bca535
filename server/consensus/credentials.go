package consensus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// credentials are the TLS files of the raft port. Each handshake looks whether they have changed; connections that are
// open stay as they are.
type credentials struct {
	files TLSFiles
	log   zerolog.Logger

	mu     sync.Mutex
	stamps [3]fileStamp // of the newest attempt to load, whether it worked or not
	loaded *bundle
}

// bundle is what one loading of the files gave. Immutable.
type bundle struct {
	cert tls.Certificate
	pool *x509.CertPool
}

// fileStamp tells one content of a file from the next without reading it.
type fileStamp struct {
	modified time.Time
	size     int64
}

func newCredentials(files TLSFiles, log zerolog.Logger) (*credentials, error) {
	c := &credentials{files: files, log: log}
	c.stamps = c.stat()
	var err error
	if c.loaded, err = c.load(); err != nil {
		return nil, &Refusal{Reason: ReasonTLS, Detail: fmt.Sprintf("TLS files of the raft port (CA %s, certificate %s, key %s) cannot be used; "+
			"check that they exist, are PEM, and that the key belongs to the certificate", files.CA, files.Cert, files.Key), Err: err}
	}
	return c, nil
}

// serverConfig requires a certificate of the CA from whoever connects.
func (c *credentials) serverConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			b := c.current()
			return &tls.Config{
				MinVersion:             tls.VersionTLS13,
				Certificates:           []tls.Certificate{b.cert},
				ClientAuth:             tls.RequireAndVerifyClientCert,
				ClientCAs:              b.pool,
				SessionTicketsDisabled: true, // each connection shows its certificate
			}, nil
		},
	}
}

// clientConfig requires a certificate of the CA with the host of addr among its SANs.
func (c *credentials) clientConfig(addr string) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	b := c.current()
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{b.cert},
		RootCAs:      b.pool,
		ServerName:   host,
	}, nil
}

// current returns the newest files that could be used.
func (c *credentials) current() *bundle {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamps := c.stat()
	if stamps == c.stamps {
		return c.loaded
	}
	c.stamps = stamps
	fresh, err := c.load()
	if err != nil {
		c.log.Error().Err(err).Str("ca", c.files.CA).Str("cert", c.files.Cert).Str("key", c.files.Key).
			Msg("changed TLS files of the raft port cannot be used; the previous ones stay in use until the files change again")
		return c.loaded
	}
	c.loaded = fresh
	c.log.Info().Str("cert", c.files.Cert).Msg("changed TLS files of the raft port are in use")
	return c.loaded
}

func (c *credentials) stat() (stamps [3]fileStamp) {
	for i, name := range []string{c.files.CA, c.files.Cert, c.files.Key} {
		if info, err := os.Stat(name); err == nil {
			stamps[i] = fileStamp{modified: info.ModTime(), size: info.Size()}
		}
	}
	return stamps
}

func (c *credentials) load() (*bundle, error) {
	cert, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(c.files.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + c.files.CA)
	}
	return &bundle{cert: cert, pool: pool}, nil
}
