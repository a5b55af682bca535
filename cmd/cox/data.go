package main

import (
	"fmt"
	"io"
	"os"
)

// data is the data of a command: the argument at an index, or in a single command a file or standard input. ok is false if none was
// given.
func (c *call) data(index int) (data []byte, ok bool, err error) {
	name := c.values[fileOption.long]
	switch {
	case c.has(fileOption.long) && c.shell.mode != oneShot:
		return nil, false, c.misuse("--data-file is for single commands")
	case c.has(fileOption.long) && len(c.args) > index:
		return nil, false, c.misuse("the data is given twice: as an argument and as --data-file")
	case c.has(fileOption.long):
		f, err := os.Open(name)
		if err != nil {
			return nil, false, err
		}
		defer f.Close()
		data, err := readAll(f, name)
		return data, true, err
	case len(c.args) <= index:
		return nil, false, nil
	case c.args[index] == "-" && c.shell.mode == oneShot:
		data, err := readAll(c.shell.in, "standard input")
		return data, true, err
	default:
		return []byte(c.args[index]), true, nil
	}
}

// readAll reads what may be data, and somewhat more, so that the refusal of too much can tell how much it is.
func readAll(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, inputMax+1))
	if err == nil && len(data) > inputMax {
		err = fmt.Errorf("%s has more than %d MiB: the data of a node is far smaller", name, inputMax>>20)
	}
	return data, err
}
