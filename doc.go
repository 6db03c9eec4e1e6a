// Package twofold is the root of the module. It holds no code, only the test that
// keeps the shape of the house: who may import whom (arch_test.go).
package twofold
