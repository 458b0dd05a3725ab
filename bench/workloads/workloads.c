/* Loops of the kinds that kernel code is made of. Every function works in the arena it is given, does `n` rounds and returns a
 * checksum, so that any two machines that ran it can be compared. Compiled freestanding, as kernel code is. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#define noinline __attribute__((noinline))
#define NULL ((void *)0)

static u32 load32(const u8 *p) { u32 v; __builtin_memcpy(&v, p, 4); return v; }
static u64 load64(const void *p) { u64 v; __builtin_memcpy(&v, p, 8); return v; }
static void store64(void *p, u64 v) { __builtin_memcpy(p, &v, 8); }

static u64 next_random(u64 *state)
{
	*state = *state * 6364136223846793005ul + 1442695040888963407ul;
	return *state >> 17;
}

/* memcpy as a plain loop of words */
noinline void *copy_words(void *to, const void *from, u64 size)
{
	u8 *t = to;
	const u8 *f = from;

	for (; size >= 8; size -= 8, t += 8, f += 8)
		store64(t, load64(f));
	while (size--)
		*t++ = *f++;
	return to;
}

u64 work_memcpy(u8 *arena, u64 n)
{
	u64 sum = 0;

	for (u64 i = 0; i < 0x8000; i++)
		arena[i] = i * 11;
	while (n--) {
		copy_words(arena + 0x10000, arena, 0x8000 - 3);
		copy_words(arena + 1, arena + 0x10000, 0x7e00);
		sum += arena[n & 0x1fff];
	}
	return sum;
}

/* CRC-32, a byte at a time by table (lib/crc32.c with CRC_LE_BITS 8) */
noinline u32 crc32_bytes(const u32 *table, u32 crc, const u8 *p, u64 size)
{
	for (; size; size--)
		crc = table[(crc ^ *p++) & 0xff] ^ (crc >> 8);
	return crc;
}

u64 work_crc32(u8 *arena, u64 n)
{
	u32 *table = (u32 *)arena, crc = ~0u;
	u8 *data = arena + 0x1000;

	for (u32 i = 0; i < 256; i++) {
		u32 c = i;

		for (int bit = 0; bit < 8; bit++)
			c = (c >> 1) ^ (0xedb88320u & -(c & 1));
		table[i] = c;
	}
	for (int i = 0; i < 0x4000; i++)
		data[i] = i ^ (i >> 5);
	while (n--)
		crc = crc32_bytes(table, crc, data, 0x4000);
	return crc;
}

/* SHA-256; the constants come from the cube roots of the first primes, by integer search */
static u32 ror(u32 v, int by) { return v >> by | v << (32 - by); }

static void sha256_constants(u32 *k)
{
	u32 found = 0;

	for (u64 p = 2; found < 64; p++) {
		u64 d, root = 0;

		for (d = 2; d * d <= p && p % d; d++)
			;
		if (d * d <= p)
			continue;
		/* root = floor(cbrt(p) * 2^32): the largest with root^3 <= p * 2^96 */
		for (int bit = 34; bit >= 0; bit--) {
			unsigned __int128 t = root | 1ul << bit, square = t * t;
			u64 high = square >> 64, low = square;
			unsigned __int128 lo = (unsigned __int128)low * (u64)t, hi = (unsigned __int128)high * (u64)t + (lo >> 64);

			if (hi < ((unsigned __int128)p << 32))
				root = t;
		}
		k[found++] = root;
	}
}

noinline void sha256_block(u32 *state, const u32 *k, const u8 *data)
{
	u32 w[64], s[8];

	for (int i = 0; i < 16; i++)
		w[i] = __builtin_bswap32(load32(data + 4 * i));
	for (int i = 16; i < 64; i++) {
		u32 x = w[i - 15], y = w[i - 2];

		w[i] = w[i - 16] + w[i - 7] + (ror(x, 7) ^ ror(x, 18) ^ x >> 3) + (ror(y, 17) ^ ror(y, 19) ^ y >> 10);
	}
	for (int i = 0; i < 8; i++)
		s[i] = state[i];
	for (int i = 0; i < 64; i++) {
		u32 a = s[0], e = s[4];
		u32 t1 = s[7] + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i];
		u32 t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));

		s[7] = s[6], s[6] = s[5], s[5] = e, s[4] = s[3] + t1;
		s[3] = s[2], s[2] = s[1], s[1] = a, s[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		state[i] += s[i];
}

u64 work_sha256(u8 *arena, u64 n)
{
	u32 *k = (u32 *)arena, *state = k + 64;
	u8 *data = arena + 0x1000;

	sha256_constants(k);
	for (int i = 0; i < 8; i++)
		state[i] = k[i] ^ 0x5bd1e995u * (i + 1);
	for (int i = 0; i < 0x1000; i++)
		data[i] = i * 29;
	while (n--)
		for (int i = 0; i < 0x1000; i += 64)
			sha256_block(state, k, data + i);
	return (u64)state[0] << 32 | state[5];
}

/* An LZ77 coder with bytes as tokens, in the manner of LZ4: greedy, one hash table, copies of words */
noinline u64 lz_compress(u16 *table, const u8 *in, u64 size, u8 *out)
{
	u64 at = 0, start = 0;
	u8 *o = out;

	for (int i = 0; i < 4096; i++)
		table[i] = 0;
	while (at + 16 < size) {
		u32 word = load32(in + at), slot = word * 2654435761u >> 20;
		u64 candidate = table[slot], length = 4;

		table[slot] = at;
		if (candidate >= at || load32(in + candidate) != word) {
			at++;
			continue;
		}
		while (at + length < size - 8 && in[at + length] == in[candidate + length] && length < 250)
			length++;
		while (at - start > 255) {
			*o++ = 255, *o++ = 0;
			copy_words(o, in + start, 255);
			o += 255, start += 255;
		}
		*o++ = at - start, *o++ = length;
		copy_words(o, in + start, at - start);
		o += at - start;
		*o++ = at - candidate, *o++ = (at - candidate) >> 8;
		at += length, start = at;
	}
	for (; start < size; start++)
		*o++ = 1, *o++ = 0, *o++ = in[start];
	return o - out;
}

noinline u64 lz_expand(const u8 *in, u64 size, u8 *out)
{
	const u8 *end = in + size;
	u8 *o = out;

	while (in < end) {
		u32 literals = *in++, length = *in++;

		copy_words(o, in, literals);
		o += literals, in += literals;
		if (length) {
			const u8 *from = o - (in[0] | in[1] << 8);

			in += 2;
			while (length--)
				*o++ = *from++;
		}
	}
	return o - out;
}

u64 work_lz(u8 *arena, u64 n)
{
	u8 *text = arena + 0x4000, *packed = text + 0x10000, *back = packed + 0x30000;
	u64 seed = 7, sum = 0;

	for (u64 i = 0; i < 0xf000;) {
		u64 r = next_random(&seed), length = 4 + r % 28, distance = 1 + (r >> 8) % 600;

		for (; length && i < 0xf000; length--, i++)
			text[i] = i > 700 && r >> 20 & 3 ? text[i - distance] : next_random(&seed);
	}
	while (n--) {
		u64 size = lz_compress((u16 *)arena, text, 0xf000, packed);

		sum = sum * 31 + size + lz_expand(packed, size, back) + back[n & 0x3fff];
	}
	return sum;
}

/* A list and a tree over the same items. The tree is a treap: its rotations are those of an rbtree */
struct item {
	struct item *next, *prev, *left, *right;
	u64 key, priority;
};

noinline struct item *insert(struct item *root, struct item *new)
{
	if (!root)
		return new;
	if (new->key < root->key) {
		root->left = insert(root->left, new);
		if (root->left->priority > root->priority) {
			struct item *up = root->left;

			root->left = up->right, up->right = root;
			return up;
		}
	} else {
		root->right = insert(root->right, new);
		if (root->right->priority > root->priority) {
			struct item *up = root->right;

			root->right = up->left, up->left = root;
			return up;
		}
	}
	return root;
}

noinline struct item *find(struct item *root, u64 key)
{
	while (root && root->key != key)
		root = key < root->key ? root->left : root->right;
	return root;
}

noinline u64 walk(struct item *head)
{
	u64 sum = 0;

	for (struct item *i = head->next; i != head; i = i->next)
		sum += i->key ^ i->priority;
	return sum;
}

u64 work_lists(u8 *arena, u64 n)
{
	struct item *head = (struct item *)arena, *items = head + 1;
	u64 seed = 3, sum = 0;

	while (n--) {
		struct item *root = NULL;

		head->next = head->prev = head;
		for (int i = 0; i < 1500; i++) {
			struct item *it = &items[i];

			it->key = next_random(&seed) & 0xfffff, it->priority = next_random(&seed);
			it->left = it->right = NULL;
			it->next = head, it->prev = head->prev;
			it->prev->next = it, head->prev = it;
			root = insert(root, it);
		}
		for (int i = 0; i < 10; i++)
			sum += walk(head);
		for (int i = 0; i < 1500; i++)
			sum += find(root, items[i].key)->priority & 0xff;
	}
	return sum;
}

/* Heap sort through function pointers, as lib/sort.c calls them */
static int compare(const void *a, const void *b)
{
	u64 x = load64(a), y = load64(b);

	return (x > y) - (x < y);
}

static void swap(void *a, void *b)
{
	u64 t = load64(a);

	store64(a, load64(b));
	store64(b, t);
}

noinline void heap_sort(u64 *v, u64 count, int (*cmp)(const void *, const void *), void (*exchange)(void *, void *))
{
	for (u64 top = count / 2, end = count; end > 1;) {
		u64 at, child;

		if (top)
			top--;
		else
			exchange(&v[0], &v[--end]);
		for (at = top; (child = 2 * at + 1) < end; at = child) {
			if (child + 1 < end && cmp(&v[child], &v[child + 1]) < 0)
				child++;
			if (cmp(&v[at], &v[child]) >= 0)
				break;
			exchange(&v[at], &v[child]);
		}
	}
}

u64 work_sort(u8 *arena, u64 n)
{
	u64 *v = (u64 *)arena, seed = 5, sum = 0;
	int (*volatile cmp)(const void *, const void *) = compare;
	void (*volatile exchange)(void *, void *) = swap;

	while (n--) {
		for (int i = 0; i < 3000; i++)
			v[i] = next_random(&seed);
		heap_sort(v, 3000, cmp, exchange);
		for (int i = 0; i < 3000; i += 41)
			sum = sum * 33 + v[i];
	}
	return sum;
}

/* Strings, byte by byte */
noinline u64 length_of(const char *s) { u64 n = 0; while (s[n]) n++; return n; }

noinline int order_of(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (u8)*a - (u8)*b;
}

noinline int order_ignoring_case(const char *a, const char *b)
{
	int x, y;

	do {
		x = *a++, y = *b++;
		x += x >= 'A' && x <= 'Z' ? 32 : 0;
		y += y >= 'A' && y <= 'Z' ? 32 : 0;
	} while (x && x == y);
	return x - y;
}

noinline const char *first(const char *s, char c)
{
	for (; *s != c; s++)
		if (!*s)
			return NULL;
	return s;
}

noinline u64 number(const char *s)
{
	u64 v = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (*s - '0');
	return v;
}

u64 work_strings(u8 *arena, u64 n)
{
	char *a = (char *)arena, *b = a + 0x1000, *digits = a + 0x2000;
	u64 sum = 0;

	for (int i = 0; i < 1200; i++)
		a[i] = 'a' + i * 5 % 26, b[i] = i % 3 ? a[i] : a[i] - 32;
	a[1200] = b[1200] = 0;
	for (int i = 0; i < 18; i++)
		digits[i] = '0' + i * 7 % 10;
	digits[18] = 0;
	while (n--) {
		sum += length_of(a) + order_of(a, a) + order_ignoring_case(a, b) + (first(b, '#') ? 1 : 0) + number(digits);
		sum = sum << 1 | sum >> 63;
	}
	return sum;
}

/* Calls */
noinline u64 fibonacci(u64 n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

u64 work_fib(u8 *arena, u64 n)
{
	u64 sum = 0;

	while (n--)
		sum += fibonacci(20);
	return sum;
}
