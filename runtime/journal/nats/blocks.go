package nats

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/minio/highwayhash"
)

// The format of the server's message blocks, as its version 2.10 and later
// write them (filestore.go, writeMsgRecord), little-endian:
//
//	length (4; the highest bit: has headers)  sequence (8)  time (8)  subject length (2)
//	subject  [headers length (4)  headers]  message  HighwayHash-64 (8)
//
// The hash's key is the SHA-256 of <stream>-<number of the block>, and it covers sequence,
// time, subject, headers and message. Package nats reads blocks itself because
// the server, at its start and when it meets something it cannot read, cuts a
// block off there, with all that follows in it.
const (
	blockHeader  = 22
	blockHash    = 8
	hasHeaders   = 1 << 31
	erasedBit    = 1 << 63 // of a sequence: only the place of a message is left
	tombstoneBit = 1 << 62 // says that another message was removed
	blockRecord  = 32 << 20
	blockMax     = 64 << 20 // bytes of a file; the server makes them of 8 MiB
)

// scanMax is how many bytes of the end of each stream are checked when the
// server was stopped in peace: then it reads blocks when they are asked for,
// and changes none at its start.
const scanMax = 256 << 20

// bucketScanMax is the same of each bucket, which may have 16 GiB. What is damaged before is left
// out by the server when it is read, and is named by a look over all.
const bucketScanMax = 64 << 20

// damagedMax is how many damaged records are named.
const damagedMax = 100

// scanner checks the files of streams and changes none.
type scanner struct {
	streams string // folder of the streams
	limit   int64  // bytes to read of the end of each stream; 0: all
	buckets int64  // the same of streams of buckets

	// visit is told of every sound message, if it is set; b is its bytes in the
	// block, valid during the visit only.
	visit func(stream, path string, at int, seq uint64, b []byte)
	every bool // damaged records are named without a limit
	// rest is told of what is left of a damaged one, if it is set, after it was named.
	rest func(stream string, seq uint64, b []byte)

	names   []string           // of the streams
	last    []string           // file of the last block of each
	damaged []*journal.Damaged // in the order of streams and sequences
	buf     []byte
}

// Check reads a data folder that no process has open, and names every record
// that is damaged or missing. Nothing is changed. What was being written when
// the last owner ended is no damage.
func Check(ctx context.Context, dir string) ([]*journal.Damaged, error) {
	if _, err := os.Stat(filepath.Join(dir, identityFile)); err != nil {
		return nil, fmt.Errorf("check data folder %s: %w: %w", dir, journal.ErrForeign, err)
	}
	f, err := takeFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("check data folder %s: %w", dir, err)
	}
	scan := scanner{streams: filepath.Join(dir, storeDir, "$G", "streams")}
	return scan.damaged, errors.Join(scan.run(ctx), f.release())
}

func (s *scanner) run(ctx context.Context) error {
	entries, err := os.ReadDir(s.streams)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return diskError(err)
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		made, err := s.settings(e.Name())
		if err != nil {
			return err
		}
		if !made {
			continue
		}
		s.names = append(s.names, e.Name())
		if err := s.stream(ctx, e.Name()); err != nil {
			return fmt.Errorf("check stream %s: %w", e.Name(), err)
		}
	}
	return nil
}

// settings checks the file of a stream's settings against its checksum: the
// server leaves out a stream whose settings it cannot read. It returns false
// for a stream that was being made when the last owner ended; that has no
// checksum yet, and no message.
func (s *scanner) settings(stream string) (made bool, err error) {
	var files [2][]byte
	for i, name := range []string{"meta.inf", "meta.sum"} {
		if files[i], err = os.ReadFile(filepath.Join(s.streams, stream, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, diskError(err)
		}
	}
	if len(files[1]) == 0 {
		list, err := s.blocks(stream)
		if err != nil {
			return false, err
		}
		if !slices.ContainsFunc(list, func(b block) bool { return b.size > 0 }) {
			return false, nil
		}
	}
	key := sha256.Sum256([]byte(stream))
	sum := binary.LittleEndian.AppendUint64(nil, highwayhash.Sum64(files[0], key[:]))
	if hex.EncodeToString(sum) != string(files[1]) {
		s.damaged = append(s.damaged, &journal.Damaged{Journal: stream, Where: "meta.inf", Cause: errors.New("the checksum of the stream's settings is wrong")})
	}
	return true, nil
}

// block is the file of one message block.
type block struct {
	index uint64
	path  string
	size  int64
}

// blocks lists the blocks of a stream, oldest first.
func (s *scanner) blocks(stream string) ([]block, error) {
	dir := filepath.Join(s.streams, stream, "msgs")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, diskError(err)
	}
	var list []block
	for _, e := range entries {
		text, ok := strings.CutSuffix(e.Name(), ".blk")
		if !ok {
			continue
		}
		index, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, diskError(err)
		}
		list = append(list, block{index, filepath.Join(dir, e.Name()), info.Size()})
	}
	slices.SortFunc(list, func(a, b block) int { return cmp.Compare(a.index, b.index) })
	return list, nil
}

// stream checks one stream.
func (s *scanner) stream(ctx context.Context, name string) error {
	list, err := s.blocks(name)
	if err != nil || len(list) == 0 {
		return err
	}
	s.last = append(s.last, list[len(list)-1].path)
	limit := s.limit
	if IsBucket(name) {
		limit = s.buckets
	}
	if limit > 0 {
		size, first := int64(0), len(list)
		for first > 0 && size < limit {
			first--
			size += list[first].size
		}
		list = list[first:]
	}
	c := checker{scan: s, stream: name, dense: strings.HasPrefix(name, journalPrefix)}
	for i, b := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.read(b); err != nil {
			return err
		}
		key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", name, b.index))
		if c.hash, err = highwayhash.New64(key[:]); err != nil {
			return err
		}
		c.block(b.path, s.buf, i == len(list)-1)
	}
	return nil
}

func (s *scanner) read(b block) error {
	if b.size > blockMax {
		return fmt.Errorf("%w: %s has %d bytes", journal.ErrDamaged, b.path, b.size)
	}
	f, err := os.Open(b.path)
	if err != nil {
		return diskError(err)
	}
	defer f.Close()
	if int64(cap(s.buf)) < b.size {
		s.buf = make([]byte, b.size)
	}
	s.buf = s.buf[:b.size]
	if n, err := f.ReadAt(s.buf, 0); err != nil {
		return diskError(fmt.Errorf("read %s: %d of %d bytes: %w", b.path, n, b.size, err))
	}
	return nil
}

// checker checks the blocks of one stream in their order.
type checker struct {
	scan   *scanner
	stream string
	hash   hash.Hash64
	dense  bool   // no sequence may be missing
	seq    uint64 // of the last message; 0: none yet
}

// message is one message in a block.
type message struct {
	seq    uint64
	length int
}

var errTorn = errors.New("ends within a record")

// parse reads the message at the beginning of b.
func (c *checker) parse(b []byte) (message, error) {
	if len(b) < blockHeader {
		return message{}, errTorn
	}
	raw := binary.LittleEndian.Uint32(b)
	length := int(raw &^ hasHeaders)
	if length < blockHeader+blockHash || length > blockRecord {
		return message{}, fmt.Errorf("a length of %d bytes is not possible", length)
	}
	if length > len(b) {
		return message{}, errTorn
	}
	if !c.sound(b, length, raw&hasHeaders != 0) {
		return message{}, errors.New("the checksum is wrong")
	}
	return message{binary.LittleEndian.Uint64(b[4:]), length}, nil
}

// sound says whether the checksum of a message of that length is right.
func (c *checker) sound(b []byte, length int, headers bool) bool {
	body := b[blockHeader : length-blockHash]
	subject := int(binary.LittleEndian.Uint16(b[20:]))
	rest := subject
	if headers {
		rest += 4
	}
	if rest > len(body) {
		return false
	}
	if headers && !c.headersEnd(body[subject:]) {
		return false
	}
	c.hash.Reset()
	c.hash.Write(b[4:20])
	c.hash.Write(body[:subject])
	c.hash.Write(body[rest:])
	return bytes.Equal(c.hash.Sum(nil), b[length-blockHash:length])
}

// headersEnd says whether the length before headers is theirs: the checksum
// does not cover it.
func (c *checker) headersEnd(b []byte) bool {
	n := uint64(binary.LittleEndian.Uint32(b))
	return n <= uint64(len(b)-4) && bytes.HasSuffix(b[4:4+n], []byte("\r\n\r\n"))
}

// block checks one block; last: it is the stream's last one.
func (c *checker) block(path string, b []byte, last bool) {
	for at := 0; at < len(b); {
		m, err := c.parse(b[at:])
		if err != nil {
			next := c.resync(b[at:])
			if next < 0 && last && c.unfinished(b[at:], err) {
				return
			}
			if errors.Is(err, errTorn) {
				err = errors.New("a length is wrong, or the end is missing")
			}
			c.damage(path, at, err)
			if c.scan.rest != nil {
				left := b[at:]
				if next >= 0 {
					left = left[:next]
				}
				c.scan.rest(c.stream, c.seq+1, left)
			}
			if next < 0 {
				c.seq++
				return
			}
			at += next
			c.seq = binary.LittleEndian.Uint64(b[at+4:])&^(erasedBit|tombstoneBit) - 1
			continue
		}
		c.follow(path, at, m)
		if c.scan.visit != nil {
			c.scan.visit(c.stream, path, at, m.seq, b[at:at+m.length])
		}
		at += m.length
	}
}

// follow checks that a message has the sequence after the last one's.
func (c *checker) follow(path string, at int, m message) {
	if m.seq&tombstoneBit != 0 || m.seq == 0 {
		return
	}
	seq := m.seq &^ erasedBit
	if c.dense && c.seq != 0 && seq != c.seq+1 {
		c.damage(path, at, fmt.Errorf("the record is missing: %d follows %d", seq, c.seq))
	}
	c.seq = seq
}

// resync finds the next message that is sound, after one that is not, or returns -1.
func (c *checker) resync(b []byte) int {
	for at := 1; at+blockHeader+blockHash <= len(b); at++ {
		seq := binary.LittleEndian.Uint64(b[at+4:]) &^ (erasedBit | tombstoneBit)
		if seq == 0 || c.seq != 0 && (seq > c.seq+1<<20 || c.dense && seq <= c.seq) {
			continue
		}
		length := int(binary.LittleEndian.Uint32(b[at:]) &^ hasHeaders)
		if length < blockHeader+blockHash || length > len(b)-at {
			continue
		}
		if _, err := c.parse(b[at:]); err == nil {
			return at
		}
	}
	return -1
}

// unfinished says whether what cannot be read at a stream's end is a write
// that did not finish, which nobody was told of, and not a message that was
// whole once: that one's checksum is at the very end.
func (c *checker) unfinished(b []byte, err error) bool {
	if len(b) < blockHeader+blockHash {
		return true
	}
	if errors.Is(err, errTorn) {
		// A whole message whose length alone was changed.
		return !c.sound(b, len(b), true) && !c.sound(b, len(b), false)
	}
	// All of its bytes are there, but they are not what was written: as long
	// as the last ones are zeros, the disk had not got that far.
	return !slices.ContainsFunc(b[len(b)-blockHash:], func(x byte) bool { return x != 0 })
}

// damage names the message after the last sound one.
func (c *checker) damage(path string, at int, cause error) {
	if len(c.scan.damaged) >= damagedMax && !c.scan.every {
		return
	}
	c.scan.damaged = append(c.scan.damaged, &journal.Damaged{
		Journal: c.stream, Seq: c.seq + 1, Where: fmt.Sprintf("%s at byte %d", filepath.Base(path), at), Cause: cause,
	})
}
