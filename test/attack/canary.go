package main

import (
	"context"
	"net"
	"sync/atomic"
)

// canary waits where tokens say that keys or objects are to be fetched. The
// server must never come.
type canary struct {
	listener net.Listener
	url      string
	hits     atomic.Int64
}

// newCanary listens at the address, or at a free loopback port.
func newCanary(ctx context.Context, address, url string) (*canary, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &canary{listener: listener, url: url}
	if url == "" {
		c.url = "https://localhost:" + c.port()
	}
	go c.wait()
	return c, nil
}

// wait counts connections and closes them: a TLS handshake that fails is a hit
// as well.
func (c *canary) wait() {
	for {
		connection, err := c.listener.Accept()
		if err != nil {
			return // closed
		}
		c.hits.Add(1)
		_ = connection.Close()
	}
}

// port is where it waits.
func (c *canary) port() string {
	_, port, _ := net.SplitHostPort(c.listener.Addr().String())
	return port
}

func (c *canary) close() { _ = c.listener.Close() }
