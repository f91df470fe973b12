import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

// The pages go where the Go package embeds them. Nothing in them may be a data: URL or
// an inline script: the policy that they are served with forbids both.
export default defineConfig({
  base: './',
  plugins: [svelte({ configFile: false })],
  build: {
    outDir: '../dist',
    emptyOutDir: false, // .ci/console empties it, but for its README
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: 'licenses.json' },
    target: 'es2022',
    // Nearly all of the time is the Svelte compiler's, which is no news at each build.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: { proxy: { '/v1': process.env.GROW_HOST ?? 'http://127.0.0.1:8600' } },
})
