// Command cmd shows the storybook: -listen serves it, -out writes it as files.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"twofold/ui/storybook"
)

func main() {
	listen := flag.String("listen", "", "address to serve at, such as localhost:8090")
	out := flag.String("out", "", "directory to write the pages to")
	flag.Parse()
	if err := run(*listen, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(listen, out string) error {
	if listen == "" && out == "" {
		return fmt.Errorf("storybook: say -listen ADDR or -out DIR")
	}
	if out != "" {
		if err := storybook.Write(out); err != nil {
			return err
		}
	}
	if listen == "" {
		return nil
	}
	h, err := storybook.Handler()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("storybook: %w", err)
	}
	fmt.Printf("http://%s/\n", l.Addr())
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	return s.Serve(l)
}
