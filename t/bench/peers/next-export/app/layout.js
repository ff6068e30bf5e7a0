import './site.css';

import { head } from './home';

export const metadata = {
    title: head.title,
    description: head.description,
};

export default function Layout({ children }) {
    return (
        <html lang="en" suppressHydrationWarning>
            <head>
                {head.fonts.map((href) => <link key={href} rel="preload" as="font" type="font/woff2" href={href} crossOrigin="" />)}
                <link rel="icon" href="/icon.svg" type="image/svg+xml" />
                <script dangerouslySetInnerHTML={{ __html: head.script }} />
            </head>
            <body>{children}</body>
        </html>
    );
}
