package main

// The tables of docs/words.md.

// row is a line of a table: what its entries belong to, and the entries, separated by commas.
type row[T any] struct {
	of      T
	entries string
}

var (
	stopWords = []row[Language]{
		{LanguageEn, "the, of, and, to, is, it, that, for, on, with, this, be, are, as, was, but, not, have, has, " +
			"you, we, they, if, when, can, should, would, which, from, by, my, there, what, how, or, " +
			"does, will, an, at, been, after, all"},
		{LanguageDe, "der, die, das, und, ist, nicht, ein, eine, einen, einem, mit, auf, für, von, zu, den, dem, " +
			"des, sich, wird, werden, wenn, ich, wir, sie, es, auch, aber, oder, wie, bei, nach, aus, " +
			"im, kann, sind, hat, noch, nur, beim, über, man, als, dass"},
		{LanguageFr, "le, la, les, des, du, de, et, est, une, un, que, qui, dans, pour, pas, ne, sur, avec, ce, " +
			"cette, il, je, nous, vous, se, sont, au, aux, par, plus, mais, ou, où, être, quand, lors, " +
			"comme, si, son, sa, été, fait"},
		{LanguageEs, "el, la, los, las, de, del, y, es, en, que, un, una, por, para, con, no, se, lo, al, su, " +
			"como, más, pero, cuando, si, está, este, esta, esto, hay, muy, ya, o, desde, sin, sobre, " +
			"también, son, ser, hace, puede, yo"},
		{LanguagePt, "o, a, os, as, de, do, da, dos, das, e, é, em, no, na, nos, nas, que, um, uma, por, para, " +
			"com, não, se, ao, mais, mas, quando, como, está, este, esta, isso, foi, ser, são, também, " +
			"ou, eu, ele, você, pelo, sem"},
		{LanguageIt, "il, lo, la, i, gli, le, di, del, della, dei, e, è, in, che, un, una, uno, per, con, non, " +
			"si, al, alla, da, dal, come, più, ma, quando, se, sono, questo, questa, nel, nella, anche, " +
			"ho, ha, essere, viene, sul, dopo"},
		{LanguageNl, "de, het, een, en, van, is, dat, niet, in, op, te, met, voor, zijn, er, aan, om, ook, maar, " +
			"als, bij, of, door, naar, dan, wordt, worden, ik, je, we, ze, dit, deze, uit, kan, nog, " +
			"heeft, wel, geen, wanneer, over"},
	}

	trigrams = []row[Language]{
		{LanguageEn, "_th, the, he_, ing, ng_, and, ion, ed_, _wh, ly_, wit, ith, sho, oul, uld, ght, ll_, ow_, " +
			"ell, ck_, oo_, ad_, ay_, ry_, ty_"},
		{LanguageDe, "ein, ich, sch, cht, ung, gen, und, ie_, en_, er_, ch_, _ge, _be, _ve, ver, che, ste, lic, " +
			"ach, tze, _zu, _au, auf, ern, eit"},
		{LanguageFr, "es_, ent, _qu, que, ue_, ion, eur, our, ais, ait, _dé, _ré, té_, ez_, ux_, aux, ell, le_, " +
			"re_, oir, ans, ess, men, eme, ett"},
		{LanguageEs, "ión, ció, os_, as_, ado, ada, ien, que, _qu, ar_, er_, al_, nte, ent, con, est, do_, aci, " +
			"rro, una, ero, uen, cua, iem, ale"},
		{LanguagePt, "ção, ão_, ões, _nã, nte, ado, ada, os_, as_, nos, que, _qu, ar_, em_, com, est, men, _um, " +
			"uma, do_, ra_, ndo, ver, _po, eir"},
		{LanguageIt, "zio, ion, one, _di, che, lla, ell, gli, tto, tta, nte, ent, are, ato, ata, ere, zza, _un, " +
			"_ch, sto, sta, ni_, no_, le_, ggi"},
		{LanguageNl, "een, aar, ijk, ij_, en_, _ge, _ve, ver, oor, het, _he, van, iet, cht, lij, aan, ing, and, " +
			"der, oek, uit, eer, gen, wor, sch"},
	}

	marks = []row[Language]{
		{LanguageDe, "ß, ä, ö, ü"},
		{LanguageFr, "œ, ê, û, ç"},
		{LanguageEs, "ñ"},
		{LanguagePt, "ã, õ, ê, ç"},
		{LanguageIt, "ì, ò"},
	}

	kindLabels = []row[Kind]{
		{KindSecurity, "security, vulnerability, cve"},
		{KindBug, "bug, defect, regression, crash, broken, fehler, erreur, fallo"},
		{KindFeature, "feature, enhancement, proposal, improvement, wunsch"},
		{KindQuestion, "question, support, discussion, frage"},
		{KindDocs, "docs, doc, documentation, readme"},
		{KindChore, "chore, dependencies, refactor, refactoring, ci, build, maintenance, cleanup, tests, internal"},
	}

	kindHeads = []row[Kind]{
		{KindSecurity, "security, vulnerability"},
		{KindBug, "fix, bugfix, hotfix, bug, bug report, defect, regression"},
		{KindFeature, "feat, feature, feature request, enhancement, proposal, rfc, perf"},
		{KindQuestion, "question, help, support"},
		{KindDocs, "docs, doc, documentation, readme"},
		{KindChore, "chore, refactor, ci, build, test, tests, style, revert, deps, cleanup, release"},
	}

	kindWords = []row[Kind]{
		{KindSecurity, "vulnerability, vulnerabilities, vulnerable, security, cve, exploit, xss, csrf, sql " +
			"injection, code injection, privilege escalation, remote code execution, path traversal, " +
			"denial of service, security hole, leaks passwords, sicherheitslücke, schwachstelle, " +
			"vulnérabilité, faille de sécurité, vulnerabilidad, vulnerabilidade, vulnerabilità, " +
			"kwetsbaarheid, beveiligingslek, уязвимость, 漏洞, 脆弱性, 취약점"},
		{KindBug, "bug, bugs, crash, crashes, crashed, error, errors, fails, failed, failure, broken, " +
			"exception, panic, segfault, does not work, doesn t work, not working, stopped working, " +
			"wrong, incorrect, unexpected, freezes, hangs, regression, stack trace, fix, fixes, fehler, " +
			"absturz, stürzt, funktioniert nicht, kaputt, falsch, erreur, plante, plantage, ne " +
			"fonctionne pas, ne marche pas, cassé, fallo, falla, no funciona, se cierra, erro, falha, " +
			"trava, não funciona, errore, si blocca, non funziona, guasto, fout, crasht, werkt niet, " +
			"kapot, loopt vast, ошибка, падает, не работает, сломано, 错误, 崩溃, 报错, 失败, 无法, エラー, バグ, " +
			"クラッシュ, 動かない, 動作しない, 오류, 버그, 에러, 충돌"},
		{KindFeature, "feature, feature request, enhancement, add support, support for, would be nice, would be " +
			"great, would like, please add, it would be, allow, ability to, proposal, implement, option " +
			"to, wunsch, wäre schön, bitte hinzufügen, unterstützung für, hinzufügen, fonctionnalité, " +
			"ajouter, serait bien, serait utile, ajout, añadir, agregar, funcionalidad, sería bueno, " +
			"estaría bien, soporte para, adicionar, funcionalidade, seria bom, suporte para, aggiungere, " +
			"funzionalità, sarebbe bello, supporto per, toevoegen, functie, zou fijn zijn, ondersteuning " +
			"voor, добавить, добавьте, поддержка, было бы, 希望, 建议, 支持, 增加, 新功能, 追加, 機能, 対応して, ほしい, 추가, " +
			"기능, 지원"},
		{KindQuestion, "how do i, how can i, how to, how do you, is there a way, is it possible, what is, why does, " +
			"question, wondering, anyone know, can someone, wie kann ich, wie kann man, gibt es, ist es " +
			"möglich, warum, frage, comment faire, est il possible, y a t il, pourquoi, cómo, es " +
			"posible, por qué, pregunta, como posso, como faço, é possível, por que, dúvida, come posso, " +
			"è possibile, perché, domanda, hoe kan ik, is het mogelijk, waarom, vraag, как, можно ли, " +
			"почему, вопрос, 如何, 怎么, 为什么, 请问, どうすれば, 方法, ですか, 質問, 어떻게, 질문, 왜"},
		{KindDocs, "documentation, docs, readme, spelling, spelling error, typo, typos, grammar, tutorial, " +
			"changelog, docstring, wording, dokumentation, rechtschreibfehler, tippfehler, anleitung, " +
			"faute de frappe, faute d orthographe, orthographe, documentación, errata, ortografía, " +
			"documentação, ortografia, documentazione, refuso, documentatie, spelfout, handleiding, " +
			"документация, документации, опечатка, опечатки, 文档, 错别字, ドキュメント, 誤字, 문서, 오타"},
		{KindChore, "refactor, refactoring, cleanup, clean up, bump, dependency, dependencies, upgrade, rename, " +
			"remove unused, lint, linter, pipeline, workflow, ci, tests, package json, version bump, " +
			"aufräumen, abhängigkeiten, aktualisieren, nettoyage, dépendances, mise à jour, limpieza, " +
			"dependencias, actualizar, limpeza, dependências, atualizar, pulizia, dipendenze, " +
			"aggiornare, opruimen, afhankelijkheden, bijwerken, рефакторинг, зависимости, обновить, 重构, " +
			"依赖, 升级, リファクタリング, 依存関係, 更新, 리팩터링, 의존성, 업데이트"},
	}

	bugTraces = []string{
		"Traceback (most recent call last)",
		"panic: ",
		"Exception in thread",
		"Segmentation fault",
		"core dumped",
		"Unhandled exception",
		"thread 'main' panicked",
		"TypeError: ",
		"NullPointerException",
		"Uncaught ",
		"fatal error: ",
	}

	urgencyLabels = []row[Urgency]{
		{UrgencyCritical, "critical, blocker, p0, sev0, sev1, severity critical, priority critical, kritisch"},
		{UrgencyHigh, "urgent, high, p1, sev2, important, dringend"},
		{UrgencyNormal, "p2, medium, priority normal"},
		{UrgencyLow, "low, p3, p4, minor, trivial, good first issue, nice to have"},
	}

	urgencyWords = []row[int]{
		{6, "critical, data loss, loses data, lost data, production is down, production down, outage, " +
			"remote code execution, actively exploited, emergency, kritisch, datenverlust, produktion " +
			"steht, critique, perte de données, crítico, crítica, pérdida de datos, perda de dados, " +
			"critico, critica, perdita di dati, gegevensverlies, критично, критическая, потеря данных, " +
			"数据丢失, 严重, データ損失, 致命的, 데이터 손실, 심각한"},
		{3, "urgent, urgently, asap, as soon as possible, immediately, blocker, blocking, blocks us, " +
			"high priority, severe, dringend, sofort, blockiert, schnellstmöglich, urgence, bloquant, au " +
			"plus vite, urgente, urgentemente, bloquea, cuanto antes, bloqueia, o quanto antes, " +
			"bloccante, al più presto, spoed, zo snel mogelijk, срочно, немедленно, блокирует, 紧急, 尽快, " +
			"緊急, 至急, 긴급, 시급"},
		{2, "regression, production, every user, all users, alle nutzer, produktion, tous les " +
			"utilisateurs, todos los usuarios, todos os usuários, tutti gli utenti, alle gebruikers, все " +
			"пользователи, 所有用户, 全ユーザー, 모든 사용자"},
		{-2, "typo, minor, cosmetic, trivial, nit, nitpick, low priority, no rush, no hurry, nice to " +
			"have, whenever you have time, when you have time, small thing, tippfehler, kleinigkeit, " +
			"eilt nicht, keine eile, mineur, pas pressé, détail, menor, sin prisa, detalle, sem pressa, " +
			"pequeno detalhe, minore, senza fretta, dettaglio, kleinigheid, geen haast, мелочь, не " +
			"срочно, незначительная, 不急, 小问题, 急ぎません, 些細, 사소한"},
	}
)

const negations = "not, no, never, t, without, isn, nothing, nicht, kein, keine, nie, ohne, pas, jamais, sans, " +
	"sin, nunca, não, nem, sem, non, senza, mai, niet, geen, zonder, не, нет, без, 不, 非, 没, 無, " +
	"안, 않"
