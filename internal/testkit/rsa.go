package testkit

import (
	"crypto/rand"
	"crypto/rsa"
	"sync"
)

// rsaKeys is how many keys of a size there are: more than a test has tenants.
const rsaKeys = 8

var (
	rsaMutex sync.Mutex
	rsaPool  = map[int][]*rsa.PrivateKey{}
	rsaNext  int
)

// RSA is an RSA key made in this run, for op.Config.NewRSA: one that was made before, once
// there are eight of its size, in turn. To make one takes longer than most tests.
func RSA(bits int) (*rsa.PrivateKey, error) {
	rsaMutex.Lock()
	defer rsaMutex.Unlock()
	pool := rsaPool[bits]
	if len(pool) == rsaKeys {
		rsaNext++
		return pool[rsaNext%rsaKeys], nil
	}
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, err
	}
	rsaPool[bits] = append(pool, k)
	return k, nil
}
