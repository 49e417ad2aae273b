// Builds the web assets into src/forecourt/ui/static: names carry a hash of the content, so browsers may keep them for
// ever; manifest.json tells the pages which name is current. Text comes with a gzip twin, made here once.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { createHash } from "node:crypto";
import { gzipSync, constants } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = join(here, "../src/forecourt/ui/static");
const COMPRESSIBLE = new Set([".js", ".css", ".json"]);

rmSync(out, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/console.js", "src/console.css", "src/signin.js", "src/driver.css", "src/driver.js", "src/find.css", "src/my.css", "src/find.js", { in: "maplibre-gl/worker", out: "map-worker" }].map((entry) =>
    typeof entry === "string" ? { in: entry, out: basename(entry, extname(entry)) } : entry,
  ),
  outdir: out,
  alias: { "maplibre-gl/worker": join(here, "node_modules/maplibre-gl/dist/maplibre-gl-worker.mjs") },
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  target: ["chrome123", "firefox120", "safari17.5"],
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".woff2": "file" },
  legalComments: "eof",
  metafile: true,
  logLevel: "warning",
});

const manifest = {};
for (const path of Object.keys(metafile.outputs)) {
  const name = basename(path);
  // Chunks are asked for by other scripts, never by a page.
  if (!name.startsWith("chunk-")) manifest[name.replace(/-[0-9A-Z]{8}(?=\.\w+$)/, "")] = name;
}

// Only the shapes are drawn: names and ids of countries stay out.
const world = JSON.parse(readFileSync(join(here, "node_modules/world-atlas/countries-50m.json")));
delete world.objects.land;
// Antarctica's outline runs around the pole, which a flat map can't fill, and nobody charges there.
const ANTARCTICA = "010";
world.objects.countries.geometries = world.objects.countries.geometries.filter((shape) => shape.id !== ANTARCTICA);
for (const shape of world.objects.countries.geometries) {
  delete shape.properties;
  delete shape.id;
}
const shapes = JSON.stringify(world);
const worldName = `countries-${createHash("sha256").update(shapes).digest("hex").slice(0, 8).toUpperCase()}.json`;
writeFileSync(join(out, worldName), shapes);
manifest["countries.json"] = worldName;

for (const name of readdirSync(out))
  if (COMPRESSIBLE.has(extname(name)))
    writeFileSync(join(out, `${name}.gz`), gzipSync(readFileSync(join(out, name)), { level: constants.Z_BEST_COMPRESSION }));
writeFileSync(join(out, "manifest.json"), JSON.stringify(manifest, null, 1));
