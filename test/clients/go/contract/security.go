package contract

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"os"
)

// Security protects connections: see test/clients/security.ts.
type Security struct {
	Mechanism       string `json:"mechanism"`
	User            string `json:"user"`
	Password        string `json:"password"`
	CaFile          string `json:"caFile"`
	CertificateFile string `json:"certificateFile"`
	KeyFile         string `json:"keyFile"`
}

// ReadSecurity is nil where connections are plain.
func ReadSecurity() (*Security, error) {
	text := os.Getenv("MILLRACE_CLIENT_SECURITY")
	if text == "" {
		return nil, nil
	}
	var security Security
	return &security, json.Unmarshal([]byte(text), &security)
}

// TLS is what a connection is made with.
func (s *Security) TLS() (*tls.Config, error) {
	trusted, err := os.ReadFile(s.CaFile)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(trusted)
	if s.CertificateFile != "" {
		certificate, err := tls.LoadX509KeyPair(s.CertificateFile, s.KeyFile)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}
