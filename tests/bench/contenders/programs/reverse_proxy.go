// The Go way: httputil.ReverseProxy over a transport that adds a cached client-credentials token. Standard library alone.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// settings is what the file named by the only argument says.
type settings struct {
	Port         int      `json:"port"`
	Upstream     string   `json:"upstream"`
	Prefixes     []string `json:"prefixes"`
	TokenURL     string   `json:"token_url"`
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	CA           string   `json:"ca"` // path of a PEM file; empty: the system's
}

// credentials keeps one token and fetches the next, once for everybody who waits.
type credentials struct {
	client *http.Client
	url    string
	id     string
	secret string

	mu     sync.RWMutex // guards header and until
	header string       // the whole value of Authorization
	until  time.Time
	fetch  sync.Mutex // held by the one who fetches
}

func (c *credentials) held() (string, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.header, time.Now().Before(c.until)
}

func (c *credentials) authorization() (string, error) {
	if header, valid := c.held(); valid {
		return header, nil
	}
	c.fetch.Lock()
	defer c.fetch.Unlock()
	if header, valid := c.held(); valid { // another one fetched it in the meantime
		return header, nil
	}
	return c.renew()
}

func (c *credentials) renew() (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	ask, err := http.NewRequest(http.MethodPost, c.url, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	ask.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	ask.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret))
	asked := time.Now()
	answer, err := c.client.Do(ask)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("token endpoint: %s", answer.Status)
	}
	var token struct {
		AccessToken string  `json:"access_token"`
		ExpiresIn   float64 `json:"expires_in"` // seconds
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&token); err != nil {
		return "", err
	}
	if token.AccessToken == "" {
		return "", fmt.Errorf("token endpoint: no access_token")
	}
	life := time.Duration(token.ExpiresIn * float64(time.Second))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.header = "Bearer " + token.AccessToken
	c.until = asked.Add(life - min(life/10, 10*time.Second)) // early, so that none expires on its way
	return c.header, nil
}

// RoundTrip adds the token. The request is ReverseProxy's own copy, so that no further one has to be made.
func (c *credentials) RoundTrip(request *http.Request) (*http.Response, error) {
	header, err := c.authorization()
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", header)
	return c.client.Transport.RoundTrip(request)
}

// buffers lends what bodies are copied through.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte  { return *b.pool.Get().(*[]byte) }
func (b *buffers) Put(p []byte) { b.pool.Put(&p) }

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { p := make([]byte, 32<<10); return &p }}}
}

func newTransport(ca string) (*http.Transport, error) {
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConns:        0, // no limit in sum
		MaxIdleConnsPerHost: 1024,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true, // bodies pass as they are
	}
	if ca == "" {
		return transport, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate", ca)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	return transport, nil
}

func serve(path string) error {
	said, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var told settings
	if err := json.Unmarshal(said, &told); err != nil {
		return err
	}
	transport, err := newTransport(told.CA)
	if err != nil {
		return err
	}
	source := &credentials{
		client: &http.Client{Transport: transport, Timeout: 10 * time.Second},
		url:    told.TokenURL, id: told.ClientID, secret: told.ClientSecret,
	}
	upstream, err := url.Parse(told.Upstream)
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(upstream) },
		Transport:  source,
		BufferPool: newBuffers(),
	}
	mux := http.NewServeMux()
	for _, prefix := range told.Prefixes {
		mux.Handle(prefix+"/", http.StripPrefix(prefix, proxy))
	}
	return http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", told.Port), mux)
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: proxy SETTINGS.json")
	}
	log.Fatal(serve(os.Args[1]))
}
