package factord;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.function.Consumer;

/** What is read from memory and files that others have written. */
final class LayoutTests {
    private static final long FINGERPRINT = 0x0123_4567_89AB_CDEFL;
    private static final int NUMBER = 3;

    Map<String, Check.Body> tests() {
        return Map.of(
                "units_go_to_the_arms_that_the_daemon_chooses", this::arms,
                "an_image_is_used_only_when_every_number_is_right", this::images,
                "an_entry_of_models_is_used_only_when_it_is_whole_and_the_name_s", this::entries,
                "who_may_not_evaluate_locally_asks_the_ring", this::notAllowed,
                "a_number_keeps_its_name_while_rows_come_and_go", this::names,
                "a_row_is_read_only_when_it_is_whole", this::rows);
    }

    private static ByteBuffer region(int lines) {
        return ByteBuffer.allocateDirect(lines * Abi.LINE_LEN).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int slot(int index) {
        return Abi.MODELS_ENTRIES + NUMBER * Abi.ENTRY_WORDS + Abi.ENTRY_SLOTS
                + index * Abi.SLOT_WORDS;
    }

    /** One linear model of three features whose requests are divided. */
    private static ByteBuffer models(long split, long salt) {
        ByteBuffer models = region(Abi.MODELS_LINES);
        int slot = slot(1);
        Words.store(models, slot + Abi.SLOT_GENERATION, 7);
        Words.store(models, slot + Abi.SLOT_SHAPE, Kind.LINEAR | 3L << 32 | 2L << 48);
        Words.store(models, slot + Abi.SLOT_NAME, 0xFFFF_FFFEL | 4L << 32 | 1L << 48);
        Words.store(models, slot + Abi.SLOT_SPLIT, split);
        Words.store(models, slot + Abi.SLOT_SALT, salt);
        for (int arm = 0; arm < Abi.ARM_COUNT_MAX; arm++) {
            Words.store(models, slot + Abi.SLOT_FINGERPRINTS + arm, FINGERPRINT + arm);
        }
        int published = Abi.MODELS_ENTRIES + NUMBER * Abi.ENTRY_WORDS + Abi.ENTRY_PUBLISHED;
        Words.store(models, published, 7L << 32 | 1);
        return models;
    }

    /** Known answers of crates/core/src/abi/models.rs. */
    private void arms() {
        double[] many = new double[20];
        Arrays.fill(many, 0.1);
        double[][] rows = {{0.5, 0.2, 0.3}, {-0.0, 1e300, 3.0}, {1.0}, many};
        String[] known = {
            "212111110000222232031111222200001303222200002222",
            "000000000000000010000000000000000101000000000000",
            "222222222222222232222222222222222222222222222222",
        };
        long[] splits = {0x00C0_0080_0040L, 0x0100_0100_00E6L, 0x00FA_0003_0001L};
        for (int split = 0; split < splits.length; split++) {
            StringBuilder found = new StringBuilder();
            for (long salt : new long[] {0, 42, 0xFEDC_BA98_7654_3210L}) {
                Deployment served = Deployment.read(models(splits[split], salt), NUMBER);
                for (long key : new long[] {0, 1, 7, -1}) {
                    for (double[] row : rows) {
                        found.append(served.arm(key, row));
                    }
                }
            }
            Check.equal(found.toString(), known[split]);
        }
        Deployment whole = Deployment.read(models(Abi.UNDIVIDED, 42), NUMBER);
        Check.equal(whole.arm(7, rows[0]), 0);
        Check.equal(whole.verdict(2), 7L << 32 | 2 << 16);
        Check.equal(whole.fingerprint(3), FINGERPRINT + 3);
    }

    private static long[] image(int kind, int width) {
        int vectors = kind == Kind.LOGISTIC ? 3 : 1;
        int start = Abi.IMAGE_PARAMETERS + 8;
        long[] words = new long[start + vectors * width];
        words[Abi.IMAGE_MAGIC] = Abi.MAGIC;
        words[Abi.IMAGE_ABI] = Abi.ABI_WORD;
        words[Abi.IMAGE_LAYOUT_HASH] = Abi.IMAGE_HASH;
        words[Abi.IMAGE_FINGERPRINT] = FINGERPRINT;
        words[Abi.IMAGE_SHAPE] = kind | (long) width << 32 | 2L << 48;
        words[Abi.IMAGE_WORD_COUNT] = words.length;
        words[Abi.IMAGE_FORM] = 1;
        words[Abi.IMAGE_PARAMETERS] = Double.doubleToRawLongBits(0.5);
        Arrays.fill(words, start, words.length, Double.doubleToRawLongBits(2.0));
        return words;
    }

    private static Evaluator read(long[] words) {
        ByteBuffer bytes = ByteBuffer.allocate(words.length * 8).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asLongBuffer().put(words);
        return Image.read(bytes.array(), FINGERPRINT);
    }

    private static void spoilt(int kind, Consumer<long[]> spoil) {
        long[] words = image(kind, 9);
        Check.that(read(words) != null, "a good image");
        spoil.accept(words);
        Check.that(read(words) == null, "a spoilt image is used");
    }

    private void images() {
        Prediction answer = new Prediction();
        int status = read(image(Kind.LINEAR, 1)).answer(new double[] {3}, 0, 0, 0, answer);
        Check.equal(status, Abi.STATUS_OK);
        Check.sameBits(answer.y(), 6.5);
        Check.that(read(image(Kind.LOGISTIC, Abi.FEATURE_COUNT_MAX)) != null, "the widest");
        Check.that(read(image(Kind.LOGISTIC, Abi.FEATURE_COUNT_MAX + 1)) == null, "wider");
        Check.that(read(image(Kind.LINEAR, 0)) == null, "no features");
        for (int kind : new int[] {Kind.LINEAR, Kind.LOGISTIC}) {
            for (int index = 0; index <= Abi.IMAGE_FORM; index++) {
                int word = index;
                // Of the ABI the minor does not count.
                long change = word == Abi.IMAGE_ABI ? 1L << 16 : 1;
                if (word != Abi.IMAGE_SHAPE) {
                    spoilt(kind, words -> words[word] += change);
                }
            }
            spoilt(kind, words -> words[Abi.IMAGE_SHAPE] = 9 | 9L << 32);
            spoilt(kind, words -> words[Abi.IMAGE_SHAPE] += 60L << 32);
            spoilt(kind, words -> words[Abi.IMAGE_SHAPE] |= 0xFFFFL << 32);
            long nan = Double.doubleToRawLongBits(Double.NaN);
            spoilt(kind, words -> words[Abi.IMAGE_PARAMETERS] = nan);
            spoilt(kind, words -> words[words.length - 1] = nan);
            long infinite = Double.doubleToRawLongBits(Double.NEGATIVE_INFINITY);
            spoilt(kind, words -> words[Abi.IMAGE_PARAMETERS + 8] = infinite);
        }
        spoilt(Kind.LOGISTIC, words -> words[words.length - 1] = 1L << 63);
        Check.that(Image.read(new byte[0], FINGERPRINT) == null, "nothing");
        long[] words = image(Kind.LINEAR, 9);
        Check.that(read(Arrays.copyOf(words, 8)) == null, "a header alone");
        Check.that(read(Arrays.copyOf(words, words.length - 1)) == null, "a word less");
    }

    private void entries() {
        ByteBuffer models = models(Abi.UNDIVIDED, 0);
        Deployment served = Deployment.read(models, NUMBER);
        Check.that(served.champion() != null, "an inline model");
        Check.that(served.isOf(NUMBER | 0xFFFF_FFFEL << 32), "its own name");
        Check.that(!served.isOf(NUMBER | 0xFFFF_FFFFL << 32), "another name");
        Check.that(Deployment.read(models, NUMBER + 1) == null, "nothing served");
        Check.equal(Deployment.published(models, Abi.MODEL_COUNT_MAX), 0L);
        int slot = slot(1);
        long[] shapes = {
            9 | 3L << 32, Kind.LINEAR, Kind.LINEAR | 9L << 32, Kind.LINEAR | 0xFFFFL << 32, 0, -1
        };
        for (long shape : shapes) {
            Words.store(models, slot + Abi.SLOT_SHAPE, shape);
            Check.that(Deployment.read(models, NUMBER).champion() == null, shape);
        }
        // A logistic model whose scales are all zero.
        Words.store(models, slot + Abi.SLOT_SHAPE, Kind.LOGISTIC | 3L << 32);
        Check.that(Deployment.read(models, NUMBER).champion() == null, "scales of zero");
        Words.store(models, slot + Abi.SLOT_GENERATION, 8);
        Check.that(Deployment.read(models, NUMBER) == null, "of another generation");
        int published = Abi.MODELS_ENTRIES + NUMBER * Abi.ENTRY_WORDS + Abi.ENTRY_PUBLISHED;
        for (long slotIndex : new long[] {3, 0xFFFF_FFFFL, 0x8000_0000L}) {
            Words.store(models, published, 7L << 32 | slotIndex);
            Check.that(Deployment.read(models, NUMBER) == null, slotIndex);
        }
    }

    private void notAllowed() {
        Local local = new Local(null, null, new Vitals(region(1)));
        Prediction answer = new Prediction();
        Check.equal(local.answer(0, 5, 0, new double[3], answer), Local.ELSEWHERE);
        Check.equal(local.fetch(0, 5), Status.NOT_FETCHED);
    }

    private static final class Table {
        final ByteBuffer status = region(Abi.STATUS_LINES);
        final ModelTable table = new ModelTable(status);

        /** Writes a row, or clears it for want of a name. */
        void put(int number, String name, int check) {
            int start = Abi.STATUS_ROWS + number * Abi.ROW_WORDS;
            byte[] bytes = Arrays.copyOf(
                    name.getBytes(StandardCharsets.US_ASCII), Abi.ROW_NAME_LEN);
            for (int word = 0; word < Abi.ROW_NAME_LEN / 8; word++) {
                long text = ByteBuffer.wrap(bytes, 8 * word, 8).order(ByteOrder.LITTLE_ENDIAN)
                        .getLong();
                Words.store(status, start + Abi.ROW_NAME + word, text);
            }
            Words.store(status, start + Abi.ROW_SHAPE, Kind.LINEAR | 3L << 32 | 2L << 48);
            Words.store(status, start + Abi.ROW_SERVED, name.isEmpty() ? 0 : 1 | 1L << 32);
            Words.store(status, start + Abi.ROW_CHECK, check);
            add(start + Abi.ROW_SEQUENCE, 2);
            long count = Words.load(status, Abi.STATUS_ROW_COUNT);
            Words.store(status, Abi.STATUS_ROW_COUNT, Math.max(count, number + 1));
            add(Abi.STATUS_NAMES_SEQUENCE, 1);
            add(Abi.STATUS_ROWS_SEQUENCE, 1);
        }

        void add(int index, long value) {
            Words.store(status, index, Words.load(status, index) + value);
        }

        static int sequence(int number) {
            return Abi.STATUS_ROWS + number * Abi.ROW_WORDS + Abi.ROW_SEQUENCE;
        }
    }

    private void names() {
        Table served = new Table();
        Names names = new Names();
        Check.equal(names.known("regression") + " " + names.known("classification"), "0 1");
        int number = names.number("a-name-of-more-than-eight-bytes");
        Check.equal(number, 2);
        Check.equal(names.number("a-name-of-more-than-eight-bytes", 9), 3);
        Check.equal(names.number("a-name-of-more-than-eight-bytes", 9), 3);
        Check.equal(names.meta(number, served.table), Abi.MODEL_NONE);
        served.put(4, "a-name-of-other-bytes", 5);
        served.put(5, "a-name-of-more-than-eight-bytes", -2);
        long meta = 5 | 0xFFFF_FFFEL << 32;
        Check.equal(names.meta(number, served.table), meta);
        Check.equal(names.meta(3, served.table), meta);
        // One that moves is found again, and not while a row is being written that may be its own.
        served.put(5, "", 0);
        served.add(Table.sequence(4), 1);
        Check.equal(names.meta(number, served.table), meta);
        served.add(Table.sequence(4), 1);
        Check.equal(names.meta(number, served.table), Abi.MODEL_NONE);
        served.put(900, "a-name-of-more-than-eight-bytes", -2);
        Check.equal(names.meta(number, served.table), 900 | 0xFFFF_FFFEL << 32);
        // Its old row may be another name's afterwards.
        served.put(900, "another", 6);
        Check.equal(names.meta(number, served.table), Abi.MODEL_NONE);
        names.forget();
        Check.equal(names.meta(number, served.table), Abi.MODEL_NONE);
        Check.equal(names.meta(-1, served.table), Abi.MODEL_NONE);
        Check.equal(names.meta(4, served.table), Abi.MODEL_NONE);
        Names full = new Names();
        for (int name = 2; name < Names.NONE; name++) {
            Check.equal(full.number("n" + name), name);
        }
        Check.equal(full.number("one too many"), Names.NONE);
        Check.equal(full.number("n2", 7), Names.NONE);
        Check.equal(full.known("one too many"), Names.NONE);
        Check.that(!full.arePinned(), "a name that was not pinned");
    }

    private void rows() {
        Table served = new Table();
        served.put(0, "x".repeat(Abi.ROW_NAME_LEN), 1);
        served.put(2, "y", 1);
        Check.that(served.table.read(1), "a whole table");
        Check.equal(served.table.rows().size(), 2);
        Check.equal(served.table.rows().get(0).model().name().length(), Abi.ROW_NAME_LEN);
        served.add(Table.sequence(2), 1);
        Check.equal(served.table.row(2), ModelTable.UNSETTLED);
        Check.equal(served.table.find("y"), ModelTable.UNSETTLED);
        Check.that(!served.table.read(10), "a row that is being written");
        Check.equal(served.table.rows().size(), 2);
        served.add(Table.sequence(2), 1);
        int start = Abi.STATUS_ROWS + 2 * Abi.ROW_WORDS;
        for (long width : new long[] {0, 1025, 0xFFFF}) {
            Words.store(served.status, start + Abi.ROW_SHAPE, Kind.LINEAR | width << 32);
            Check.that(served.table.row(2) == null, width);
        }
        for (long count : new long[] {-1, Long.MIN_VALUE, 5000}) {
            Words.store(served.status, Abi.STATUS_ROW_COUNT, count);
            Check.that(served.table.read(1) && served.table.rows().size() == 1, count);
        }
    }
}
