import { useState } from 'preact/hooks';
import { post } from './api.js';
import { enter } from './store.js';
import { Failed, html } from './ui.js';

export function Login() {
    const [error, setError] = useState(null), [busy, setBusy] = useState(false);
    const submit = async (event) => {
        event.preventDefault();
        const form = new FormData(event.target);
        setBusy(true);
        try {
            await enter(await post('/session', { name: form.get('name'), password: form.get('password') }));
        } catch (e) {
            setError(e);
            setBusy(false);
        }
    };
    return html`<main class="login"><form onSubmit=${submit}>
        <h1>Parallax</h1>
        <label>Name<input name="name" autocomplete="username" required autofocus/></label>
        <label>Password<input name="password" type="password" autocomplete="current-password" required/></label>
        <${Failed} error=${error}/>
        <button type="submit" class="main" disabled=${busy}>Log in</button>
        <p class="hint">Users are made with <code>parallax users put NAME --role viewer</code>.</p>
    </form></main>`;
}
