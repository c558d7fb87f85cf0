import { defineConfig, type Plugin } from 'rolldown';

// dist/ is a few files instead of a thousand: docs/decisions/0016-a-bundle-starts.md has what that buys.

/** `import { a as b } from "node:x";` and its other forms, as rolldown writes them: a line each. */
const builtinImport = /^import (?:(?:\* as )?([\w$]+))?(?:, )?(?:\{([^}]*)\})? ?from "(node:[\w/]+)";$/gm;

const plugin: Plugin = {
  name: 'light',
  renderChunk: (code) => ({
    code: code
      // An import of a built-in module reads each of its exports, and so loads what Node.js itself loads on demand:
      // behind node:http stands all of its fetch.
      .replace(builtinImport, (_, whole?: string, named?: string, from?: string) => {
        const module = `process.getBuiltinModule("${from}");`;
        const names = named?.replaceAll(' as ', ': ');
        return [whole, names && `{${names}}`].flatMap((left) => (left ? [`const ${left} = ${module}`] : [])).join(' ');
      })
      // A source with any other character takes two bytes for each.
      .replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
    // Lines stay where they are.
    map: null,
  }),
};

export default defineConfig({
  input: 'src/main.ts',
  platform: 'node',
  // Loaded on demand and large: they stay packages.
  external: [
    '@aws-sdk/credential-providers',
    '@azure/identity',
    '@pydantic/genai-prices',
    'google-auth-library',
    'undici',
  ],
  plugins: [plugin],
  output: {
    dir: 'dist',
    cleanDir: true,
    entryFileNames: 'src/[name].js',
    chunkFileNames: 'src/[name].js',
    // As they are written, but for the plugin above.
    minify: false,
    sourcemap: true,
    comments: { legal: false, annotation: false, jsdoc: false },
  },
});
